/** Sentences of one language by key. A sentence may hold `{slots}`. */
export type Messages = Readonly<Record<string, string>>;

/** Languages written from right to left, by their primary subtag or script. */
const RIGHT_TO_LEFT = /^(ar|fa|ur|ks|sd|he)\b(?!.*(Deva|Latn))|Arab/;

export const directionOf = (tag: string): 'ltr' | 'rtl' => (RIGHT_TO_LEFT.test(tag) ? 'rtl' : 'ltr');

/** The first wanted language that is available, else English. `hi-IN` is served by `hi`. */
export function chooseLanguage(wanted: readonly (string | null | undefined)[], available: readonly string[]): string {
  for (const tag of wanted) {
    const primary = tag?.toLowerCase().split('-')[0];
    if (primary !== undefined && available.includes(primary)) return primary;
  }
  return 'en';
}

/** Puts values into a sentence's slots. Values may be elements: names come isolated in `<bdi>`, and no markup is ever made of text. */
export const fill = <Part>(sentence: string, values: Readonly<Record<string, Part>>): (string | Part)[] =>
  // A split by a group alternates: text, slot, text, slot …
  sentence.split(/\{(\w+)\}/).map((piece, i) => (i % 2 === 0 ? piece : (values[piece] ?? `{${piece}}`)));

/** One language's sentences. A key that is missing shows itself: a test compares the catalogs, so that it never comes to that. */
export class Catalog {
  constructor(
    readonly tag: string,
    private readonly messages: Messages,
  ) {}

  has(key: string): boolean {
    return key in this.messages;
  }

  /** As children of an element. */
  parts<Part>(key: string, values: Readonly<Record<string, Part>>): (string | Part)[] {
    return fill(this.messages[key] ?? key, values);
  }

  /** As plain text, for attributes and for sentences without names. */
  text(key: string, values: Readonly<Record<string, string | number>> = {}): string {
    return this.parts(key, values).join('');
  }
}

/** Fetches one catalog and tells the document its language and direction. */
export async function loadCatalog(tag: string, urls: Readonly<Record<string, string>>): Promise<Catalog> {
  const answer = await fetch(urls[tag]!);
  if (!answer.ok) throw new Error(`catalog ${tag}: ${answer.status}`);
  const catalog = new Catalog(tag, (await answer.json()) as Messages);
  document.documentElement.lang = tag;
  document.documentElement.dir = directionOf(tag);
  document.title = catalog.text('page.title');
  return catalog;
}
