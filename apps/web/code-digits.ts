const DIGIT = /^\p{Nd}$/u;

/**
 * Value of a decimal digit of any script. Unicode allots decimal digits in runs of ten that begin with zero (UTS #18, UAX #44), so the
 * distance to the start of the run is the value: no table to keep.
 */
function valueOf(digit: string): number {
  const code = digit.codePointAt(0)!;
  let start = code;
  while (DIGIT.test(String.fromCodePoint(start - 1))) start--;
  return (code - start) % 10;
}

/**
 * A typed code as ASCII digits, whatever script it was typed in (case LN-02). Spaces, dashes and invisible marks of the keyboard are
 * dropped; anything else, such as a letter that looks like a digit, makes it `undefined`: it is never guessed.
 */
export function codeDigits(typed: string): string | undefined {
  const signs = Array.from(typed.replace(/[\s\p{Pd}\p{Cf}]/gu, ''));
  return signs.every((sign) => DIGIT.test(sign)) ? signs.map(valueOf).join('') : undefined;
}
