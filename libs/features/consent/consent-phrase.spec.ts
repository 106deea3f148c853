import { describe, expect, it } from 'vitest';
import { digitsOf, phrase, phraseLanguage } from './consent-phrase.ts';

const SLOTS = { name: 'Asha', date: '1 May 2027', controller: 'Acme', digits: '482913' };

describe('digits in every script (case LN-02)', () => {
  const zeros = { Devanagari: 0x966, Bengali: 0x9e6, Gurmukhi: 0xa66, Gujarati: 0xae6, Odia: 0xb66, Tamil: 0xbe6, Telugu: 0xc66, Kannada: 0xce6, Malayalam: 0xd66, Arabic: 0x660, Persian: 0x6f0, 'full width': 0xff10, 'mathematical bold': 0x1d7ce, 'mathematical monospace': 0x1d7f6 }; // prettier-ignore
  it.each(Object.entries(zeros))('%s', (_script, zero) => {
    const typed = Array.from('4829130')
      .map((digit) => String.fromCodePoint(zero + Number(digit)))
      .join('');
    expect(digitsOf(typed)).toBe('4829130');
  });

  it('mixed, and grouped as people group them', () => {
    expect(digitsOf(' ४82-੯1 ٣\u200e')).toBe('482913');
  });

  it.each(['48291O', 'l82913', '٤٨ا', '4.82', '½', '四八'])('%s holds something that is no digit', (typed) => {
    expect(digitsOf(typed)).toBeUndefined();
  });
});

describe('the phrase', () => {
  it('holds every slot, the code digit by digit', () => {
    for (const language of ['en', 'hi-IN']) {
      const text = phrase(language, SLOTS);
      for (const part of ['Asha', '1 May 2027', 'Acme', '4 8 2 9 1 3']) expect(text).toContain(part);
      expect(text).not.toMatch(/[{}]/);
    }
  });

  it('puts names in as they are', () => {
    expect(phrase('en', { ...SLOTS, name: '{digits} $& \\1' })).toContain('My name is {digits} $& \\1.');
  });

  it('speaks English where no draft exists', () => {
    expect(phraseLanguage('or-IN')).toBe('en');
  });
});
