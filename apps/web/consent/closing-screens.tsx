import { Fragment, type VNode, h } from 'preact';
import { Heading, Name } from '../page-parts.tsx';
import { Sending } from './capture-screen.tsx';
import type { ConsentPage } from './consent-page.ts';
import { mayGive } from './flow.ts';
import { Button, Facts, Lines, SayNo, Sure, Term, word } from './screen-parts.tsx';

/** "Is this what you mean?": the clip, what was ticked, and the one box that says yes. */
export function ReviewScreen({ page }: { page: ConsentPage }): VNode {
  const { catalog, flow, clipUrl } = page.view;
  return (
    <Fragment>
      <Heading>{page.text('review.title')}</Heading>
      {clipUrl !== null && <video class="clip" controls playsInline src={clipUrl} aria-label={page.text('review.clip')} />}
      <Sending page={page} />
      <h2>{catalog.parts('review.allow', { controller: <Name>{page.consent.controller.party_name}</Name> })}</h2>
      <Lines of={flow.chosen.map((choice) => word(page, 'purpose', choice))} />
      <p class="small">{catalog.parts('review.until', { date: <Term page={page} /> })}</p>
      <TypedCode page={page} />
      <label class="toggle">
        <input
          type="checkbox"
          checked={flow.confirmed}
          onChange={(event) => page.dispatch({ type: 'confirm', on: event.currentTarget.checked })}
        />
        <b>{page.text('review.confirm')}</b>
      </label>
      <div class="actions">
        <Button page={page} say="review.give" kind="main" off={!mayGive(flow)} on={() => page.give()} />
        <Button page={page} say="review.again" on={() => page.desk.retake()} />
      </div>
      <SayNo page={page} />
    </Fragment>
  );
}

/** For who cannot say the code aloud. Digits of every script are taken; letters are refused here, beside the field (case LN-02). */
function TypedCode({ page }: { page: ConsentPage }): VNode {
  const { typedCode, typedFault } = page.view;
  const wrong = typedFault !== null;
  return (
    <details open={wrong || typedCode !== ''}>
      <summary>{page.text('typed.summary')}</summary>
      <label for="typed">{page.text('typed.label')}</label>
      <input
        id="typed"
        inputMode="numeric"
        autocomplete="off"
        dir="ltr"
        value={typedCode}
        aria-invalid={wrong}
        aria-describedby="fault"
        onInput={(event) => page.set({ typedCode: event.currentTarget.value, typedFault: null })}
      />
      <p id="fault" class="fault" data-problem={typedFault ?? undefined} role="status">
        {wrong && page.text(`typed.${typedFault}`)}
      </p>
    </details>
  );
}

/** The server looks; this can take a minute, or a reviewer's day. */
export const CheckingScreen = ({ page }: { page: ConsentPage }): VNode => (
  <Fragment>
    <Heading>{page.text('checking.title')}</Heading>
    <p class="lead">{page.text('checking.lead')}</p>
    <progress aria-label={page.text('checking.title')} />
  </Fragment>
);

/** Given: the receipt, and the link that ends it. */
export function GivenScreen({ page }: { page: ConsentPage }): VNode {
  const { catalog, receipt, copied } = page.view;
  const link = receipt?.manage_url && new URL(receipt.manage_url, location.href).href;
  return (
    <Fragment>
      <span class="tick" aria-hidden="true" />
      <Heading>{page.text('given.title')}</Heading>
      <p class="lead">
        {catalog.parts('given.lead', {
          controller: <Name>{page.consent.controller.party_name}</Name>,
          date: <Term page={page} />,
        })}
      </p>
      <ReceiptLink page={page} />
      {link && (
        <section>
          <h2>{page.text('given.link')}</h2>
          <p>{page.text('given.link-lead')}</p>
          <input
            readOnly
            dir="ltr"
            value={link}
            aria-label={page.text('given.link')}
            onFocus={(event) => event.currentTarget.select()}
          />
          <div class="actions">
            <Button
              page={page}
              say={copied ? 'given.copied' : 'given.copy'}
              on={() => navigator.clipboard.writeText(link).then(() => page.set({ copied: true }))}
            />
            <a class="button" href={link} target="_blank" rel="noreferrer">
              {page.text('given.open')}
            </a>
          </div>
        </section>
      )}
    </Fragment>
  );
}

/** A file made here, from the signed answer: nothing to ask a server for. */
function ReceiptLink({ page }: { page: ConsentPage }): VNode {
  const { receiptUrl } = page.view;
  return (
    <div class="actions">
      {receiptUrl === null ? (
        <Button page={page} say="receipt.make" on={() => page.during(() => page.fetchReceipt())} />
      ) : (
        <a class="button main" href={receiptUrl} download={`consent-receipt-${page.consent.id}.json`}>
          {page.text('receipt.save')}
        </a>
      )}
    </div>
  );
}

/** What stands, and the way to end it: one click asks, the second does it. */
export function ManageScreen({ page }: { page: ConsentPage }): VNode {
  const { catalog, flow } = page.view;
  const { consentState: state, asking } = flow;
  const key = `state.${state}`;
  const live = state === 'given' || state === 'paused';
  return (
    <Fragment>
      <Heading>{page.text('manage.title')}</Heading>
      <p class={`state ${state}`} data-state={state} aria-live="polite">
        {page.text(catalog.has(key) ? key : 'state.other')}
      </p>
      <Facts page={page} what="manage" uses={page.consent.purposes.map((purpose) => word(page, 'purpose', purpose))} />
      {(asking === 'pause' || asking === 'withdraw') && (
        <Sure page={page} what={asking} kind="stop" yes={() => page.end(asking)} />
      )}
      {live && asking === null && (
        <div class="actions">
          <Button page={page} say="withdraw.ask" kind="stop" on={() => page.dispatch({ type: 'ask', what: 'withdraw' })} />
          {state === 'given' ? (
            <Button page={page} say="pause.ask" on={() => page.dispatch({ type: 'ask', what: 'pause' })} />
          ) : (
            <Button page={page} say="resume.do" on={() => page.end('resume')} />
          )}
        </div>
      )}
      <ReceiptLink page={page} />
    </Fragment>
  );
}

/** Not now, no, and links that are over. */
export function EndScreen({ page }: { page: ConsentPage }): VNode {
  const { step } = page.view.flow;
  return (
    <Fragment>
      <Heading>{page.text(`${step}.title`)}</Heading>
      <p class="lead">{page.text(`${step}.lead`)}</p>
      {step === 'later' && (
        <div class="actions">
          <Button page={page} say="later.return" kind="main" on={() => page.dispatch({ type: 'back' })} />
        </div>
      )}
    </Fragment>
  );
}
