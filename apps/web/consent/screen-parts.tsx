import { Fragment, type ComponentChildren, type VNode, h } from 'preact';
import { Name } from '../page-parts.tsx';
import { localInstant } from '../server-clock.ts';
import type { ConsentPage } from './consent-page.ts';

type Click = () => unknown;

/** A button with a sentence of the catalog. A request in flight does not disable it (that would drop the focus): it is ignored meanwhile. */
export const Button = (props: { page: ConsentPage; say: string; on: Click; kind?: string; off?: boolean }): VNode => (
  <button class={props.kind} disabled={props.off} onClick={() => void props.on()}>
    {props.page.text(props.say)}
  </button>
);

/** The second of two clicks: what will happen, yes, back. */
export const Sure = (props: { page: ConsentPage; what: string; kind: string; yes: Click; problem?: string }): VNode => {
  const { page, what } = props;
  const say = page.text(`${what}.sure`);
  return (
    <div class="sure" role="group" aria-label={say} data-problem={props.problem}>
      <p>{say}</p>
      <div class="actions">
        <Button page={page} say={`${what}.yes`} kind={props.kind} on={props.yes} />
        <Button page={page} say="go.back" on={() => page.dispatch({ type: 'cancel' })} />
      </div>
    </div>
  );
};

/** "Not now" and "No" stand on every screen before the evidence is sent, as near as yes. */
export const SayNo = ({ page }: { page: ConsentPage }): VNode =>
  page.view.flow.asking === 'refuse' ? (
    <Sure page={page} what="no" kind="stop" yes={() => page.end('refuse')} />
  ) : (
    <div class="no">
      <Button page={page} say="no.later" kind="plain" on={() => page.later()} />
      <Button page={page} say="no.refuse" kind="plain" on={() => page.dispatch({ type: 'ask', what: 'refuse' })} />
    </div>
  );

export const Fact = ({ page, say, children }: { page: ConsentPage; say: string; children: ComponentChildren }): VNode => (
  <Fragment>
    <dt>{page.text(say)}</dt>
    <dd>{children}</dd>
  </Fragment>
);

/** Texts of people, one a line. */
export const Lines = ({ of }: { of: readonly string[] }): VNode => (
  <ul>
    {of.map((line) => (
      <li key={line}>
        <Name>{line}</Name>
      </li>
    ))}
  </ul>
);

/** Whose, to whom, for what, until when. */
export function Facts({ page, what, uses }: { page: ConsentPage; what: string; uses: readonly string[] }): VNode {
  const { consent, subject } = page.view.session!;
  const { party_name, party_address, party_contact } = consent.controller;
  return (
    <dl class="facts">
      {subject.name !== null && (
        <Fact page={page} say={`${what}.you`}>
          <Name>{subject.name}</Name>
        </Fact>
      )}
      <Fact page={page} say={`${what}.who`}>
        <Lines of={[party_name, party_address, party_contact]} />
      </Fact>
      <Fact page={page} say={`${what}.why`}>
        <Lines of={uses} />
      </Fact>
      <Fact page={page} say="asked.until">
        <Term page={page} />
      </Fact>
      {what === 'asked' && (
        <Fact page={page} say="asked.end">
          {page.text('asked.ending')}
        </Fact>
      )}
    </dl>
  );
}

/** Until when, where the person is. */
export function Term({ page }: { page: ConsentPage }): VNode {
  const { valid_until, zone } = page.consent;
  return <time dateTime={valid_until}>{localInstant(valid_until, zone, page.view.catalog.tag)}</time>;
}

/** A code of the wire in words; a code that this page does not know is shown as it is, never hidden. */
export const word = (page: ConsentPage, group: string, code: string): string => {
  const key = `${group}.${code}`;
  return page.view.catalog.has(key) ? page.text(key) : code;
};
