/**
 * Text that goes into a page of the practice cluster: log text, mail subjects and names are other people's words.
 */
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export const inert = (text: string): string => text.replace(/[&<>"']/g, c => ENTITIES[c]!);
