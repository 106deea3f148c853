import { Fragment, type VNode, h } from 'preact';
import { Heading, Name, Progress } from '../page-parts.tsx';
import type { ConsentPage } from './consent-page.ts';
import { Button, SayNo, Sure } from './screen-parts.tsx';
import { CALM_SECONDS } from './take-desk.ts';

/** Camera check, code and recording are one screen with one picture: the camera must not blink between them. */
export function CaptureScreen({ page }: { page: ConsentPage }): VNode {
  const { flow, elapsed } = page.view;
  const { step, way, trouble, attemptsLeft } = flow;
  const lost = trouble?.slug.startsWith('camera-') === true;
  const blind = way === 'file' || lost;
  return (
    <Fragment>
      <Heading>{page.text(`${step}.title`)}</Heading>
      {step === 'recording' ? <Prompt page={page} /> : <p class="lead">{page.text(`${step}.${way}-lead`)}</p>}
      <div class={`screen ${step}`} hidden={blind}>
        <video muted playsInline aria-label={page.text('camera.you')} ref={(element) => page.desk.capture.attach(element)} />
        <span class="oval" aria-hidden="true" />
        {step === 'recording' && (
          <span class="rec" aria-hidden="true">
            ● {Math.floor(elapsed)} s
          </span>
        )}
      </div>
      {step === 'camera' && trouble && !lost && <p class="small">{page.text('camera.tries', { left: attemptsLeft })}</p>}
      {step === 'camera' && <Check page={page} blind={blind} />}
      {step === 'code' && <Code page={page} />}
      {step === 'recording' ? <Running page={page} /> : <SayNo page={page} />}
    </Fragment>
  );
}

function Check({ page, blind }: { page: ConsentPage; blind: boolean }): VNode {
  const { flow, light } = page.view;
  const { desk } = page;
  const lost = blind && flow.way === 'camera';
  if (flow.elsewhere)
    return <Sure page={page} what="elsewhere" kind="main" problem="capture-in-progress" yes={() => desk.challenge(true)} />;
  return (
    <Fragment>
      {!blind && (
        <p class={light?.slug ? 'light off' : 'light'} data-problem={light?.slug ?? undefined} aria-live="polite">
          {page.text(`light.${light ? (light.slug ?? 'good') : 'looking'}`)}
          {light?.slug && <small>{page.text('light.figures', { level: Math.round(light.level / 2.55) })}</small>}
        </p>
      )}
      <div class="actions">
        {lost ? (
          <Fragment>
            <Button page={page} say="camera.again" kind="main" on={() => desk.openCamera()} />
            <Button page={page} say="camera.file" on={() => desk.useFile()} />
          </Fragment>
        ) : (
          <Button
            page={page}
            say={light?.slug ? 'camera.anyway' : 'camera.code'}
            kind="main"
            off={!blind && !light}
            on={() => desk.challenge()}
          />
        )}
        <Button page={page} say="go.back" on={() => desk.back()} />
      </div>
    </Fragment>
  );
}

/** What to say: the phrase, and the six digits large. */
function Words({ page }: { page: ConsentPage }): VNode {
  const { digits, phrase } = page.view.flow.challenge!;
  return (
    <div class="words">
      <p lang={page.consent.language}>
        <Name>{phrase}</Name>
      </p>
      <p class="digits" role="img" aria-label={`${page.text('code.is')} ${digits.split('').join(' ')}`}>
        {digits.split('').map((digit) => (
          <span>{digit}</span>
        ))}
      </p>
    </div>
  );
}

function Code({ page }: { page: ConsentPage }): VNode {
  const { desk, view } = page;
  const left = desk.secondsForCode();
  return (
    <Fragment>
      <Words page={page} />
      <p class="small">{page.text('code.left', { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` })}</p>
      <div class="actions">
        {view.flow.way === 'camera' ? (
          <Button page={page} say="code.start" kind="main" on={() => desk.record()} />
        ) : (
          <label class="main file">
            {page.text('code.file')}
            <input
              type="file"
              accept="video/*"
              capture="user"
              onChange={({ currentTarget: { files } }) => files?.[0] && void desk.takeFile(files[0])}
            />
          </label>
        )}
      </div>
    </Fragment>
  );
}

/** Two seconds of calm with a bar that fills, then the words. */
function Prompt({ page }: { page: ConsentPage }): VNode {
  const { phase, elapsed } = page.view;
  return (
    <div class="prompt" aria-live="assertive">
      <p class={phase}>{page.text(`recording.${phase}`)}</p>
      {phase === 'calm' ? <progress aria-hidden="true" value={elapsed} max={CALM_SECONDS} /> : <Words page={page} />}
    </div>
  );
}

function Running({ page }: { page: ConsentPage }): VNode {
  return (
    <Fragment>
      <div class="actions">
        <Button
          page={page}
          say="recording.done"
          kind="main"
          off={page.view.elapsed < CALM_SECONDS + 2}
          on={() => page.desk.finish()}
        />
      </div>
      <Sending page={page} />
    </Fragment>
  );
}

/** Bytes on their way; says when the connection is gone and that nothing is to be done. */
export function Sending({ page }: { page: ConsentPage }): VNode {
  const { sent, total, waiting, flow } = page.view;
  const ready = flow.upload === 'ready';
  const running = flow.step === 'recording' && !waiting;
  const state = ready ? 'ready' : waiting ? 'waiting' : running ? 'while' : sent < total || total === 0 ? 'sending' : 'looking';
  return (
    <div class="sending" aria-live="polite" data-upload={state}>
      {running ? (
        <p class="small">{page.text('upload.while')}</p>
      ) : (
        <Progress label={page.text(`upload.${state}`)} value={ready ? 1 : sent} max={ready ? 1 : total} />
      )}
    </div>
  );
}
