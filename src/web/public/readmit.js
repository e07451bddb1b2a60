/*
 * The little script. Everything works without it; with it times stand in the reader's zone, pages keep themselves true
 * through /live, keys walk the lists, and light or dark can be chosen.
 */
'use strict';
(() => {
  // ---- times: exact ones in the reader's zone, near ones counted on
  const two = n => String(n).padStart(2, '0');
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const day = at => `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  const hour = at => `${two(at.getHours())}:${two(at.getMinutes())}`;
  const full = at => `${day(at)} ${hour(at)}`;
  const second = at => `${full(at)}:${two(at.getSeconds())}`;
  const forms = { hour, day, second };
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
  // How far the server's clock is ahead of this one: what is `near` is near on the server.
  const told = Number(document.body.dataset.now);
  const skew = told ? told - Date.now() : 0;
  const nearWords = ahead => {
    const s = Math.round(Math.abs(ahead) / 1000);
    if (s < 5) return 'now';
    const [n, unit] =
      s < 60 ? [s, 's'] : s < 5400 ? [Math.round(s / 60), 'min'] : s < 129600 ? [Math.round(s / 3600), 'h'] : [Math.round(s / 86400), 'days'];
    return ahead > 0 ? `in ${n} ${unit}` : `${n} ${unit} ago`;
  };
  const tell = root => {
    for (const el of root.querySelectorAll('time[datetime]')) {
      const at = new Date(el.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const form = el.dataset.form;
      const text = form === 'near' ? nearWords(at - Date.now() - skew) : (forms[form] ?? full)(at);
      if (el.textContent !== text) el.textContent = text;
      if (form !== 'near' && !el.dataset.told) {
        el.dataset.told = '1';
        el.title = `${exact.format(at)} (${el.dateTime})`;
      }
    }
  };

  // ---- light and dark
  const root = document.documentElement;
  const button = document.querySelector('[data-theme-button]');
  if (button) {
    button.hidden = false;
    button.addEventListener('click', () => {
      const dark = root.dataset.theme === 'dark' || (root.dataset.theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
      root.dataset.theme = dark ? 'light' : 'dark';
      // biome-ignore lint/suspicious/noDocumentCookie: the server reads it, so that the next page is right at once
      document.cookie = `readmit-theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
      // The report's own style was chosen on the server.
      if (document.querySelector('.paper')) location.reload();
    });
  }

  // ---- copying commands
  const equip = scope => {
    if (!navigator.clipboard) return;
    for (const box of scope.querySelectorAll('[data-copy]')) {
      if (box.querySelector('.copy')) continue;
      const copy = document.createElement('button');
      copy.type = 'button';
      copy.className = 'quiet copy';
      copy.textContent = 'Copy';
      copy.addEventListener('click', async () => {
        await navigator.clipboard.writeText(box.querySelector('code').textContent);
        copy.textContent = 'Copied';
        setTimeout(() => {
          copy.textContent = 'Copy';
        }, 1500);
      });
      box.append(copy);
    }
  };

  // ---- keys: j and k walk, Enter opens (it is a link), ? explains
  const dialog = document.getElementById('keys');
  const rows = () => [...document.querySelectorAll('[data-row]')].map(r => r.querySelector('a')).filter(a => a?.offsetParent);
  const PLACES = { n: '/', a: '/approvals', i: '/incidents' };
  let going = 0;
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, dialog[open]')) return;
    if (event.key === 'j' || event.key === 'k') {
      const all = rows();
      if (!all.length) return;
      const here = all.findIndex(a => a === document.activeElement);
      const next = here < 0 ? (event.key === 'j' ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + (event.key === 'j' ? 1 : -1)));
      all[next].focus();
      event.preventDefault();
    } else if (event.key === '?' && dialog) {
      dialog.showModal();
      event.preventDefault();
    } else if (event.key === 'g') {
      going = Date.now();
    } else if (Date.now() - going < 1000 && Object.hasOwn(PLACES, event.key)) {
      location.assign(PLACES[event.key]);
    }
  });
  document.addEventListener('click', event => {
    for (const open of document.querySelectorAll('.menu[open]')) if (!open.contains(event.target)) open.open = false;
  });

  // ---- staying true: pieces of the page by name, exchanged when they differ and nobody is on them
  const busy = el => el.matches(':hover') || el.contains(document.activeElement) || el.querySelector('details[open]');
  const plain = (el, exactly) => {
    const copy = el.cloneNode(true);
    for (const t of copy.querySelectorAll('time')) {
      t.textContent = '';
      t.removeAttribute('title');
      t.removeAttribute('data-told');
      if (!exactly) t.removeAttribute('datetime');
    }
    for (const extra of copy.querySelectorAll('.copy')) extra.remove();
    // The token of a form is new each time and means the same.
    for (const token of copy.querySelectorAll('input[name=csrf]')) token.removeAttribute('value');
    copy.classList.remove('fresh');
    return copy.outerHTML;
  };
  // What is read out to those who don't see it change: how an incident stands, and the first sentence of a page.
  const SAID = ['state', 'headline'];
  // What a vote is for stands in pieces that are held: they neither come nor go under the reader. What is out of date is said.
  const exchange = fresh => {
    let left = false;
    let past = false;
    const said = [];
    const pieces = [...document.querySelectorAll('[data-live]')];
    for (const old of pieces) {
      if (!old.isConnected) continue;
      const now = fresh.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`);
      if (old.dataset.held || now?.dataset.held) {
        past ||= old.dataset.held !== now?.dataset.held;
        continue;
      }
      if (!now || plain(old, true) === plain(now, true)) continue;
      if (busy(old)) {
        left = true;
        continue;
      }
      // That the same was seen again a moment ago is no news.
      const news = plain(old, false) !== plain(now, false);
      const piece = document.importNode(now, true);
      old.replaceWith(piece);
      tell(piece);
      equip(piece);
      if (news && !piece.hidden) piece.classList.add('fresh');
      if (news && SAID.includes(old.dataset.live)) said.push((piece.querySelector('h1') ?? piece).textContent.trim());
    }
    // A piece that is exchanged is not read out, whatever its role: it is a new one. This place stays.
    const says = document.querySelector('[data-says]');
    if (says && said.length) says.textContent = said.join('. ');
    const changed = document.querySelector('[data-changed]');
    if (changed) changed.hidden = !past && !left;
    if (fresh.title) document.title = fresh.title;
    return left;
  };
  let reading = false;
  let again = 0;
  const refresh = async () => {
    if (reading) {
      again = 1;
      return;
    }
    reading = true;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
        if (exchange(fresh)) again = again || 2;
      } else if (answer.status === 401) {
        location.reload();
      }
    } catch {
      // The next change, or the next minute, tries again.
    }
    setTimeout(
      () => {
        reading = false;
        if (again) {
          again = 0;
          refresh();
        }
      },
      again === 2 ? 4000 : Math.min(2000, Math.max(100, 3 * (performance.now() - began))),
    );
  };

  // The way to the decision is shown while the decision is not.
  const jump = document.querySelector('.jump');
  const decision = document.querySelector('.decision');
  if (jump && decision && 'IntersectionObserver' in window)
    new IntersectionObserver(seen => {
      jump.hidden = seen.at(-1).isIntersecting;
    }).observe(decision);

  // On a narrow screen the place we are at may lie outside the row of pages.
  const row = document.querySelector('.top nav ul');
  const here = row?.querySelector('[aria-current]');
  if (here) row.scrollLeft = Math.max(0, here.offsetLeft + here.offsetWidth + 48 - row.clientWidth);

  tell(document);
  equip(document);
  setInterval(() => tell(document), 15000);
  if (document.body.dataset.liveFrom && 'EventSource' in window) {
    const stream = new EventSource(document.body.dataset.liveFrom);
    let greeted = false;
    stream.addEventListener('hello', event => {
      if (greeted || event.data !== document.body.dataset.told) refresh();
      greeted = true;
    });
    stream.addEventListener('change', refresh);
    addEventListener('pagehide', () => stream.close());
    addEventListener('pageshow', event => {
      if (event.persisted) location.reload();
    });
    setInterval(() => {
      if (stream.readyState === EventSource.CLOSED && !document.hidden) refresh();
    }, 30000);
  }
})();
