import { Fragment, type VNode, h } from 'preact';
import { Heading, Name, Progress } from '../page-parts.tsx';
import { type Report, readVerdict } from './verdict.ts';
import type { VerifyView } from './verify-view.ts';

export function AskScreen({ view, onFile }: { view: VerifyView; onFile: (file: File) => void }): VNode {
  const { catalog, over } = view;
  return (
    <Fragment>
      <Heading>{catalog.text('ask.title')}</Heading>
      <p class="lead">{catalog.text('ask.lead')}</p>
      <div class={`drop ${over ? 'over' : ''}`}>
        <label class="file main">
          {catalog.text('ask.choose')}
          <input
            type="file"
            accept="video/*,image/*,audio/*"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              event.currentTarget.value = ''; // the same file may be chosen again
              if (file) onFile(file);
            }}
          />
        </label>
        <p class="small">{catalog.text('ask.drop')}</p>
      </div>
      <p class="small">{catalog.text('ask.kept')}</p>
    </Fragment>
  );
}

export function SendingScreen({ view, onCancel }: { view: VerifyView; onCancel: () => void }): VNode {
  const { catalog, sent, fileName } = view;
  const looking = sent >= 1;
  return (
    <Fragment>
      <Heading>{catalog.text(looking ? 'looking.title' : 'sending.title')}</Heading>
      <p class="lead">
        <Name>{fileName}</Name>
      </p>
      <div aria-live="polite">
        {looking ? (
          <progress aria-label={catalog.text('looking.title')} />
        ) : (
          <Progress label={catalog.text('sending.share', { share: Math.floor(sent * 100) })} value={sent} max={1} />
        )}
      </div>
      <div class="actions">
        <button onClick={onCancel}>{catalog.text('sending.stop')}</button>
      </div>
    </Fragment>
  );
}

/** The sentence, what must be said with it, then everything that was looked at. */
export function ResultScreen({ view, onAgain }: { view: VerifyView; onAgain: () => void }): VNode {
  const { catalog, report, fileName, reportUrl } = view;
  const { tone, say, also } = readVerdict(report!);
  const signer = report!.c2pa?.signer ?? catalog.text('signer.unnamed');
  return (
    <Fragment>
      <div class={`verdict ${tone}`} data-tone={tone} data-say={say}>
        <p class="small">
          <span class="sign" aria-hidden="true" />
          <Name>{fileName}</Name>
        </p>
        <Heading>{catalog.parts(say, { signer: <Name>{signer}</Name> })}</Heading>
        {also.map((key) => (
          <p key={key}>{catalog.text(key)}</p>
        ))}
      </div>
      <p class="small">{catalog.text('result.limits')}</p>
      <Details view={view} report={report!} />
      <div class="actions">
        <button class="main" onClick={onAgain}>
          {catalog.text('result.again')}
        </button>
        {reportUrl !== null && (
          <a class="button" href={reportUrl} download="verification.json">
            {catalog.text('result.json')}
          </a>
        )}
      </div>
    </Fragment>
  );
}

function Details({ view, report }: { view: VerifyView; report: Report }): VNode {
  const { catalog } = view;
  const { c2pa, watermark, checks = [], consent_status: status, log_index: entry, sha256 } = report;
  const row = (key: string, value: string | undefined, code = false): VNode | null =>
    value === undefined ? null : (
      <Fragment>
        <dt>{catalog.text(`row.${key}`)}</dt>
        <dd class={code ? 'hash' : ''}>
          <Name>{value}</Name>
        </dd>
      </Fragment>
    );
  const word = (group: string, code: string | undefined): string | undefined =>
    code === undefined ? undefined : catalog.has(`${group}.${code}`) ? catalog.text(`${group}.${code}`) : code;
  const time = c2pa?.signed_at === undefined ? undefined : new Date(c2pa.signed_at);
  const format = new Intl.DateTimeFormat(catalog.tag, { dateStyle: 'long', timeStyle: 'long' });
  return (
    <details open>
      <summary>{catalog.text('result.details')}</summary>
      <dl class="facts">
        {row('signature', word('c2pa', c2pa?.state))}
        {row('signer', c2pa?.signer)}
        {row(
          'time',
          c2pa?.signer === undefined
            ? undefined
            : time && !Number.isNaN(+time)
              ? format.format(time)
              : catalog.text('time.unproven'),
        )}
        {row('consent', word('consent', status))}
        {row('assurance', word('assurance', c2pa?.consent?.assurance))}
        {row('record', c2pa?.consent?.record_sha256, true)}
        {row('mark', word('mark', watermark?.state))}
        {row('mark-id', watermark?.id, true)}
        {row('log', entry === null || entry === undefined ? catalog.text('log.none') : catalog.text('log.entry', { entry }))}
        {row('sha256', sha256, true)}
      </dl>
      {checks.length > 0 && (
        <ul class="checks">
          {checks.map(({ name, outcome, detail }) => (
            <li key={name} class={outcome}>
              <b>{word('outcome', outcome)}</b> <span lang="en">{detail}</span>
            </li>
          ))}
        </ul>
      )}
      {c2pa?.reasons && c2pa.reasons.length > 0 && (
        <p class="small hash">
          {catalog.text('row.reasons')} {c2pa.reasons.join(', ')}
        </p>
      )}
    </details>
  );
}
