import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { type Messages, chooseLanguage, directionOf, fill } from './catalog.ts';
import { codeDigits } from './code-digits.ts';
import { localInstant } from './server-clock.ts';
import { visibleName } from './visible-name.ts';

describe('typed codes (case LN-02)', () => {
  it.each([
    ['Devanagari', '४८२९१३'],
    ['Bengali', '৪৮২৯১৩'],
    ['Gurmukhi', '੪੮੨੯੧੩'],
    ['Gujarati', '૪૮૨૯૧૩'],
    ['Odia', '୪୮୨୯୧୩'],
    ['Tamil', '௪௮௨௯௧௩'],
    ['Telugu', '౪౮౨౯౧౩'],
    ['Kannada', '೪೮೨೯೧೩'],
    ['Malayalam', '൪൮൨൯൧൩'],
    ['Arabic-Indic', '٤٨٢٩١٣'],
    ['Extended Arabic-Indic', '۴۸۲۹۱۳'],
    ['Meetei Mayek', '꯴꯸꯲꯹꯱꯳'],
    ['Ol Chiki', '᱔᱘᱒᱙᱑᱓'],
    ['full width', '４８２９１３'],
    ['mixed, with spaces and dashes', ' ४8 ২-٩ １３\u200f'],
  ])('are the same six digits in %s', (_, typed) => {
    expect(codeDigits(typed)).toBe('482913');
  });

  it('know every decimal digit of Unicode', () => {
    const digits = Array.from({ length: 0x20000 }, (_, code) => String.fromCodePoint(code)).filter((sign) =>
      /^\p{Nd}$/u.test(sign),
    );
    expect(digits.length).toBeGreaterThan(600);
    for (let i = 0; i < digits.length; i += 10) expect(codeDigits(digits.slice(i, i + 10).join(''))).toBe('0123456789');
  });

  it.each(['48291O', '48291l', 'ا82913', '४८२९१तीन', '½82913', '4829①3'])(
    'are refused with a letter or a look-alike: %s',
    (typed) => {
      expect(codeDigits(typed)).toBeUndefined();
    },
  );
});

describe('names on the screen (cases LN-01, LG-04)', () => {
  it('show what would reorder or break the line, and keep joiners', () => {
    expect(visibleName('a\u202Eb\u2066c\nd\u0085\u0000')).toBe('a⟨U+202E⟩b⟨U+2066⟩c⟨U+000A⟩d⟨U+0085⟩⟨U+0000⟩');
    for (const name of ['ക്\u200dഷ', 'می\u200cخواهم', '👨‍👩‍👧‍👦', '王', 'ಆ', "O'Brien-ß", '<b>']) expect(visibleName(name)).toBe(name);
  });
});

describe('a term (case LE-02)', () => {
  it('is shown as the day where the person is, with the zone', () => {
    expect(localInstant('2026-11-02T04:59:59.999Z', 'America/New_York', 'en')).toMatch(
      /^November 1, 2026 at 11:59.PM \(America\/New_York\)$/,
    );
    expect(localInstant('2027-01-31T18:14:59.999Z', 'Asia/Kathmandu', 'hi')).toMatch(/^31 जनवरी 2027.*\(Asia\/Kathmandu\)$/);
  });
});

describe('catalogs', () => {
  const read = (page: string, file: string): Messages =>
    JSON.parse(readFileSync(shipped('apps/web', page, file), 'utf8')) as Messages;
  const slots = (sentence: string): string[] => (sentence.match(/\{\w+\}/g) ?? []).sort();
  const sources = (page: string): string => {
    const folder = shipped('apps/web', page);
    return readdirSync(folder).filter((name) => /\.tsx?$/.test(name) && !name.includes('.spec.')).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n') + readFileSync(shipped('apps/web/page-parts.tsx'), 'utf8') + readFileSync(shipped('apps/web/catalog.ts'), 'utf8'); // prettier-ignore
  };

  it.each(['consent', 'verify'])('of the %s page say the same things in every language', (page) => {
    const en = read(page, 'en.json');
    for (const file of readdirSync(shipped('apps/web', page)).filter((name) => name.endsWith('.json'))) {
      const other = read(page, file);
      expect(Object.keys(other).sort(), file).toEqual(Object.keys(en).sort());
      for (const [key, sentence] of Object.entries(other)) {
        expect(slots(sentence), `${file} ${key}`).toEqual(slots(en[key]!));
        expect(sentence.trim(), `${file} ${key}`).not.toBe('');
        expect(sentence).toBe(sentence.normalize('NFC'));
      }
    }
  });

  it.each(['consent', 'verify'])('of the %s page hold every sentence that it names', (page) => {
    const en = read(page, 'en.json');
    const named = [...sources(page).matchAll(/(?:text|parts)\(\s*'([a-z][\w.-]+)'|say="([\w.-]+)"|'((?:say|also)\.[\w-]+)'/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
    expect(named.length).toBeGreaterThan(20);
    for (const key of named) if (key !== 'page.step' || page === 'consent') expect(en, key).toHaveProperty([key]);
  }); // prettier-ignore

  it('are chosen by primary language, with English for the rest', () => {
    expect(chooseLanguage([undefined, 'hi-IN', 'en'], ['en', 'hi'])).toBe('hi');
    expect(chooseLanguage(['sw', 'fr'], ['en', 'hi'])).toBe('en');
  });

  it('know who writes from right to left', () => {
    expect(['ur', 'ur-IN', 'ks-Arab', 'sd'].map(directionOf)).toEqual(['rtl', 'rtl', 'rtl', 'rtl']);
    expect(['en', 'hi', 'sd-Deva', 'ks-Deva-IN'].map(directionOf)).toEqual(['ltr', 'ltr', 'ltr', 'ltr']);
  });

  it('put values into slots and never make markup of them', () => {
    expect(fill('{a} asks {b}', { a: '<b>', b: '{a}' })).toEqual(['', '<b>', ' asks ', '{a}', '']);
    expect(fill('{unknown}', {}).join('')).toBe('{unknown}');
  });
});
