import { type ComponentChildren, type VNode, h } from 'preact';
import type { Catalog } from './catalog.ts';
import { visibleName } from './visible-name.ts';
import type { Trouble } from './wire.ts';

/** A name of a person or a firm: whole, isolated from the sentence around it, nothing in it can hide (case LG-04). */
export const Name = ({ children }: { children: string }): VNode => <bdi class="name">{visibleName(children)}</bdi>;

export interface LanguageChoice {
  readonly tag: string;
  readonly name: string;
}

/** Mark, step, language. */
export function PageHead(props: {
  catalog: Catalog;
  languages: readonly LanguageChoice[];
  onLanguage: (tag: string) => void;
  step?: { now: number; of: number };
}): VNode {
  const { catalog, step } = props;
  return (
    <header class="head">
      <span class="brand">
        <span class="seal" aria-hidden="true" />
        Assent
      </span>
      <label class="language">
        <span class="unseen">{catalog.text('page.language')}</span>
        <select value={catalog.tag} onChange={(event) => props.onLanguage(event.currentTarget.value)}>
          {props.languages.map(({ tag, name }) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {step && (
        <div class="steps" role="img" aria-label={catalog.text('page.step', step)}>
          {Array.from({ length: step.of }, (_, i) => (
            <i key={i} class={i < step.now ? 'done' : ''} />
          ))}
        </div>
      )}
    </header>
  );
}

/**
 * A refusal in the person's language, with its slug for tests and support. The region is always there: a screen reader announces
 * what appears in it.
 */
export function TroubleBox({ catalog, trouble }: { catalog: Catalog; trouble: Trouble | null }): VNode {
  const slug = trouble?.slug ?? '';
  // A family shares a sentence where the person can do the same about all of it; the server's own words, with its figures, stand below.
  const key = [`problem.${slug}`, `problem.${slug.split('-')[0]}`, 'problem.other'].find((one) => catalog.has(one))!;
  return (
    <div role="alert" class="trouble-region">
      {trouble && (
        <div class="trouble" data-problem={trouble.slug}>
          <p>{catalog.text(key)}</p>
          {[trouble.detail, ...(trouble.reasons ?? [])].map((more) => more && <small lang="en">{visibleName(more)}</small>)}
        </div>
      )}
    </div>
  );
}

/** The heading that gets the focus when the screen changes. */
export const Heading = ({ children }: { children: ComponentChildren }): VNode => <h1 tabIndex={-1}>{children}</h1>;

export function Progress({ label, value, max }: { label: string; value: number; max: number }): VNode {
  return (
    <label>
      <small>{label}</small>
      <progress value={value} max={Math.max(1, max)} />
    </label>
  );
}

/** Moves the focus to the new screen's heading, so that keyboard and screen reader start at its top. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>('h1')?.focus();
  scrollTo(0, 0);
}
