/*
 * Passkeys: signing in, adding one, signing a vote. A form says what it is for; the button stays off where the browser
 * has no passkeys. What is signed comes from the server and goes back to it; nothing is kept here.
 */
'use strict';
(() => {
  const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0));
  const base64 = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const base64url = buffer => base64(buffer).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  const says = (form, text) => {
    const place = (form.closest('[data-passkey-votes]') ?? form).querySelector('[data-passkey-says]');
    place.textContent = text;
    place.hidden = !text;
  };

  /** Sends fields as a form does. The answer is JSON, or a page that says no. */
  const send = async (path, fields) => {
    const answer = await fetch(path, { method: 'POST', credentials: 'same-origin', body: new URLSearchParams(fields) });
    if (!answer.headers.get('content-type')?.includes('json')) throw new Error('That was not accepted. Open the page again.');
    const body = await answer.json();
    if (body.refused) throw new Error(body.refused);
    return body;
  };

  /** Asks the person's device to sign. */
  const sign = async ({ challenge, site, credentials = [] }) => {
    const { rawId, response } = await navigator.credentials.get({
      publicKey: {
        challenge: bytes(challenge),
        rpId: site,
        userVerification: 'required',
        allowCredentials: credentials.map(id => ({ type: 'public-key', id: bytes(id) })),
      },
    });
    return {
      credential: base64url(rawId),
      authenticatorData: base64url(response.authenticatorData),
      clientData: base64url(response.clientDataJSON),
      signature: base64(response.signature),
    };
  };

  const register = async fields => {
    const options = await send('/me/passkeys/begin', { csrf: fields.csrf });
    const { id, rawId, type, response } = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: (options.excludeCredentials ?? []).map(known => ({ ...known, id: bytes(known.id) })),
      },
    });
    const answer = {
      id,
      rawId: base64url(rawId),
      type,
      response: {
        clientDataJSON: base64url(response.clientDataJSON),
        attestationObject: base64url(response.attestationObject),
      },
    };
    return send('/me/passkeys', { csrf: fields.csrf, label: fields.label, answer: JSON.stringify(answer) });
  };

  const signIn = async () => send('/sign-in/passkey', await sign(await send('/sign-in/passkey/challenge', {})));

  const vote = async (fields, action) => {
    const [, incident, decision] = /^(\/incidents\/[^/]+)\/(approve|deny)$/.exec(action);
    const { digest, reason, csrf } = fields;
    const asked = await send(`${incident}/to-sign`, { csrf, digest, reason, decision });
    return send(`${incident}/signed`, { csrf, vote: JSON.stringify(asked.vote), ...(await sign(asked)) });
  };

  const why = error =>
    error.name === 'NotAllowedError'
      ? 'Nothing was signed: it was cancelled, or took too long.'
      : error.name === 'InvalidStateError'
        ? 'This device has a passkey for you here already.'
        : error.message;

  for (const hint of document.querySelectorAll('[data-without-script]')) hint.hidden = true;
  const forms = [...document.querySelectorAll('form[data-passkey]')];
  const votes = [...document.querySelectorAll('[data-passkey-votes] form')].filter(form => /\/(approve|deny)$/.test(form.getAttribute('action')));
  if (!window.PublicKeyCredential) {
    for (const form of [...forms, ...votes.slice(0, 1)]) says(form, 'This browser has no passkeys.');
    for (const button of votes.flatMap(form => [...form.querySelectorAll('button')])) button.disabled = true;
    return;
  }
  for (const form of [...forms, ...votes]) {
    for (const button of form.querySelectorAll('button')) button.disabled = false;
    form.addEventListener('submit', async event => {
      event.preventDefault();
      const button = form.querySelector('button');
      const fields = Object.fromEntries(new FormData(form));
      button.disabled = true;
      says(form, '');
      try {
        const work =
          form.dataset.passkey === 'register'
            ? register(fields)
            : form.dataset.passkey === 'sign-in'
              ? signIn()
              : vote(fields, form.getAttribute('action'));
        location.assign((await work).to);
      } catch (error) {
        says(form, why(error));
        button.disabled = false;
      }
    });
  }
})();
