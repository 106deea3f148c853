/** Rows of a 5 × 7 letter, most significant of five bits at the left. Only what labels need. */
const LETTERS: Readonly<Record<string, readonly number[]>> = {
  A: [14, 17, 17, 31, 17, 17, 17], D: [30, 17, 17, 17, 17, 17, 30], E: [31, 16, 16, 30, 16, 16, 31], G: [14, 17, 16, 23, 17, 17, 14],
  I: [14, 4, 4, 4, 4, 4, 14], M: [17, 27, 21, 21, 17, 17, 17], N: [17, 25, 21, 19, 17, 17, 17], O: [14, 17, 17, 17, 17, 17, 14],
  R: [30, 17, 17, 30, 20, 18, 17], T: [31, 4, 4, 4, 4, 4, 4], '-': [0, 0, 0, 31, 0, 0, 0], ' ': [0, 0, 0, 0, 0, 0, 0],
}; // prettier-ignore
const ADVANCE = 6;
const HEIGHT = 7;

/** The words that every picture carries: "AI" in capitals (EU Code of Practice), and whether this is only a demonstration. */
export const labelText = (demo: boolean): string => (demo ? 'DEMO - AI GENERATED' : 'AI GENERATED');

/**
 * Writes the visible label into packed RGB in place: top right, white on a dark band, at least 5 % of the short side high
 * (GB 45438-2025), from the first picture to the last.
 */
export function drawLabel(rgb: Uint8Array, width: number, height: number, text: string): void {
  const scale = Math.max(1, Math.ceil((0.05 * Math.min(width, height)) / (HEIGHT + 6)));
  const margin = 3 * scale;
  const textWidth = (text.length * ADVANCE - 1) * scale;
  const left = width - textWidth - 2 * margin;
  if (left < 0) throw new RangeError(`a label of ${text.length} letters does not fit into ${width} pixels`);
  for (let y = 0; y < HEIGHT * scale + 2 * margin; y++) {
    for (let x = left - margin; x < width; x++)
      for (let c = 0; c < 3; c++) rgb[3 * (y * width + x) + c] = rgb[3 * (y * width + x) + c]! >> 2;
  }
  Array.from(text).forEach((letter, i) => {
    const rows = LETTERS[letter];
    if (!rows) throw new RangeError(`the label font has no "${letter}"`);
    for (let y = 0; y < HEIGHT * scale; y++) {
      for (let x = 0; x < 5 * scale; x++) {
        if (((rows[Math.floor(y / scale)]! >> (4 - Math.floor(x / scale))) & 1) === 0) continue;
        const at = 3 * ((y + margin) * width + left + i * ADVANCE * scale + x);
        rgb.fill(245, at, at + 3);
      }
    }
  });
}
