/** What draws nothing but changes how the rest is read: controls, line and paragraph ends, direction marks and isolates. */
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A name for the screen: signs that could reorder or break the line are shown as their code, ⟨U+202E⟩ (case LG-04). Joiners
 * (U+200C, U+200D) stay: Malayalam, Persian and emoji families need them. The element around it is a `<bdi>`.
 */
export const visibleName = (name: string): string =>
  name.replace(HIDDEN, (sign) => `⟨U+${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`);
