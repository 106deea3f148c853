import { Fragment, type VNode, h } from 'preact';
import { Heading, Name } from '../page-parts.tsx';
import type { ConsentPage } from './consent-page.ts';
import { Button, Facts, SayNo, word } from './screen-parts.tsx';

/** Who asks, for what, until when, and the notice as it will stand in the record. */
export function AskedScreen({ page }: { page: ConsentPage }): VNode {
  const { controller, offered, language, notice } = page.consent;
  return (
    <Fragment>
      <Heading>{page.view.catalog.parts('asked.title', { controller: <Name>{controller.party_name}</Name> })}</Heading>
      <p class="lead">{page.text('asked.lead')}</p>
      <Facts page={page} what="asked" uses={offered.intended_uses} />
      <section class="notice" aria-labelledby="notice">
        <h2 id="notice">{page.text('asked.notice')}</h2>
        <p lang={language}>{notice.text}</p>
      </section>
      <div class="actions">
        <Button page={page} say="asked.read" kind="main" on={() => page.dispatch({ type: 'read' })} />
      </div>
      <SayNo page={page} />
    </Fragment>
  );
}

/** One toggle for each purpose, none preset, and the limits that hold in any case. */
export function ScopeScreen({ page }: { page: ConsentPage }): VNode {
  const { catalog, flow } = page.view;
  const { offered } = page.consent;
  const names = new Intl.DisplayNames([catalog.tag], { type: 'language' });
  const list = (items: string[]): string => new Intl.ListFormat(catalog.tag).format(items);
  const { allowed_emotions: emotions, languages } = offered;
  return (
    <Fragment>
      <Heading>{page.text('scope.title')}</Heading>
      <p class="lead">{page.text('scope.lead')}</p>
      <fieldset>
        <legend class="unseen">{page.text('scope.title')}</legend>
        {flow.offered.map((choice) => (
          <label key={choice} class="toggle">
            <input
              type="checkbox"
              checked={flow.chosen.includes(choice)}
              onChange={() => page.dispatch({ type: 'toggle', choice })}
            />
            <span>
              <b>{word(page, 'purpose', choice)}</b>
              {catalog.has(`purpose.${choice}.more`) && <small>{page.text(`purpose.${choice}.more`)}</small>}
            </span>
          </label>
        ))}
      </fieldset>
      <h2>{page.text('scope.limits')}</h2>
      <ul class="limits">
        {emotions.length > 0 && (
          <li>{page.text('scope.emotions', { list: list(emotions.map((code) => word(page, 'emotion', code))) })}</li>
        )}
        {languages.length > 0 && (
          <li>{page.text('scope.languages', { list: list(languages.map((tag) => names.of(tag) ?? tag)) })}</li>
        )}
        {!offered.realtime && <li>{page.text('scope.no-realtime')}</li>}
        {!offered.export_model && <li>{page.text('scope.no-export')}</li>}
        {offered.prohibited_uses.map((use) => (
          <li key={use}>{catalog.parts('scope.never', { use: <Name>{use}</Name> })}</li>
        ))}
      </ul>
      <div class="actions">
        <Button page={page} say="go.on" kind="main" on={() => page.choose()} />
        <Button page={page} say="go.back" on={() => page.dispatch({ type: 'back' })} />
      </div>
      <SayNo page={page} />
    </Fragment>
  );
}
