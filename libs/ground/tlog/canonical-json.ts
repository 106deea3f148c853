import canonicalize from 'canonicalize';

/**
 * RFC 8785 (JCS): one value, one spelling. What is hashed or signed goes through here and nowhere else.
 * @throws TypeError for what JSON cannot say: undefined, NaN, Infinity, a lone surrogate, a cycle.
 */
export function canonicalJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw new TypeError(`the value has no canonical JSON: ${(cause as Error).message}`, { cause });
  }
  if (text === undefined) throw new TypeError('the value has no canonical JSON: it is undefined');
  return text;
}
