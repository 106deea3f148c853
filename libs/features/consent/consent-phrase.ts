/**
 * What the person says in the clip. Machine-written drafts of research/consent.md §9: a native reader and a lawyer must pass each before
 * an operator may rely on it; the status says so wherever a phrase is served. Noun forms, because several languages mark the gender of
 * the speaker in the verb. Purposes are ticked, not spoken: their codes are no words of any language.
 */
export interface PhraseSlots {
  readonly name: string;
  readonly date: string;
  readonly controller: string;
  readonly digits: string;
}
const PHRASES: Readonly<Record<string, string>> = {
  en: 'My name is {name}. Today is {date}. I give my consent that {controller} may make a digital replica of my face and voice from my recordings, for the uses that I ticked. This consent can be withdrawn at any time. My code is {digits}.',
  hi: 'मेरा नाम {name} है। आज {date} है। मेरी सहमति है कि {controller} मेरे वीडियो से मेरे चेहरे और मेरी आवाज़ की डिजिटल प्रतिकृति बनाए और उसका उपयोग उन कामों में करे जिन पर मैंने निशान लगाया है। यह सहमति कभी भी वापस ली जा सकती है। मेरा कोड है {digits}।',
};
export const PHRASE_STATUS = 'draft' as const;

/** `hi-IN` speaks `hi`; a language without a phrase speaks English. */
export const phraseLanguage = (language: string): string => {
  const primary = language.split('-')[0]!.toLowerCase();
  return primary in PHRASES ? primary : 'en';
};

/** A slot's value is put in as it is: a name with braces or dollar signs stays a name. */
export function phrase(language: string, slots: PhraseSlots): string {
  const spoken = { ...slots, digits: slots.digits.split('').join(' ') };
  return PHRASES[phraseLanguage(language)]!.replaceAll(/\{(\w+)\}/g, (slot, key: string) =>
    Object.hasOwn(spoken, key) ? spoken[key as keyof PhraseSlots] : slot,
  );
}

/** Decimal digits stand in blocks of ten that start at their zero (Unicode; the mathematical ones are five such blocks in a row). */
const DECIMAL = /\p{Nd}/u;

/**
 * The digits that somebody typed, in whatever script (case LN-02); spaces and hyphens are how people group them. Undefined when anything
 * else is there: the letters O and l are no digits.
 */
export function digitsOf(typed: string): string | undefined {
  let digits = '';
  for (const char of typed.normalize('NFC')) {
    if (/[\s\u200B-\u200F\u2066-\u2069-]/u.test(char)) continue;
    if (!DECIMAL.test(char)) return undefined;
    let back = 0;
    while (DECIMAL.test(String.fromCodePoint(char.codePointAt(0)! - back - 1))) back++;
    digits += String(back % 10);
  }
  return digits;
}
