import { z } from 'zod';

/** Clusters, not code points: what a person sees as one letter (`நி`, a family emoji) counts as one (case LN-01). */
const clusters = new Intl.Segmenter('und', { granularity: 'grapheme' });

const MAX_CLUSTERS = 200;
/** 200 family emojis with skin tones are 8,200 bytes; a cluster itself has no limit, so the text needs one. */
const MAX_BYTES = 16_384;

function countClusters(text: string): number {
  let count = 0;
  for (const _ of clusters.segment(text)) if (++count > MAX_CLUSTERS) break;
  return count;
}

/**
 * A person's name: one field, 1 to 200 grapheme clusters, any script, one letter, one word, `null` or `<b>` as it is. Trimmed and NFC,
 * otherwise exact: joiners (U+200C, U+200D) carry meaning in Persian, Malayalam and in emoji. Only U+0000 and half a surrogate pair
 * are refused: neither can be stored. Direction controls are kept; whoever shows a name isolates it (`<bdi>`, case LG-04).
 */
export const personName = z
  .string()
  .refine((name) => !/\p{Surrogate}/u.test(name), 'holds half a character')
  .refine((name) => !name.includes('\0'), 'holds a NUL character')
  .transform((name) => name.trim().normalize('NFC'))
  .refine((name) => name !== '', 'is empty')
  .refine((name) => Buffer.byteLength(name) <= MAX_BYTES, `has more than ${MAX_BYTES} bytes`)
  .refine((name) => countClusters(name) <= MAX_CLUSTERS, `has more than ${MAX_CLUSTERS} characters`);
