import { Fragment, render, h } from 'preact';
import { chooseLanguage, loadCatalog } from '../catalog.ts';
import '../page.css';
import { type LanguageChoice, PageHead, TroubleBox, focusHeading } from '../page-parts.tsx';
import { ServerClock } from '../server-clock.ts';
import { Api, type Trouble, troubleOf } from '../wire.ts';
import { CaptureScreen } from './capture-screen.tsx';
import { CheckingScreen, EndScreen, GivenScreen, ManageScreen, ReviewScreen } from './closing-screens.tsx';
import { ConsentPage } from './consent-page.ts';
import type { ConsentSession } from './consent-wire.ts';
import './consent.css';
import en from './en.json?url';
import type { Step } from './flow.ts';
import hi from './hi.json?url';
import { AskedScreen, ScopeScreen } from './opening-screens.tsx';

const URLS = { en, hi };
const LANGUAGES: readonly LanguageChoice[] = [
  { tag: 'en', name: 'English' },
  { tag: 'hi', name: 'हिन्दी' },
];
const STEPS: Partial<Record<Step, number>> = {
  asked: 1,
  scope: 2,
  camera: 3,
  code: 3,
  recording: 3,
  review: 4,
  checking: 5,
  given: 5,
};
const SCREENS = {
  loading: () => null,
  asked: AskedScreen,
  scope: ScopeScreen,
  camera: CaptureScreen,
  code: CaptureScreen,
  recording: CaptureScreen,
  review: ReviewScreen,
  checking: CheckingScreen,
  given: GivenScreen,
  manage: ManageScreen,
  refused: EndScreen,
  later: EndScreen,
  closed: EndScreen,
};

async function start(): Promise<void> {
  const root = document.getElementById('page')!;
  const available = Object.keys(URLS);
  // The link's secret stands behind the #: browsers send it to nobody.
  const api = new Api(location.hash.slice(1));
  const answer = await askWhoAsks(api);
  const asked = 'session' in answer ? answer.session.consent.language : undefined;
  // The request's language first, so that one catalog alone is loaded.
  const catalog = await loadCatalog(chooseLanguage([asked, ...navigator.languages], available), URLS);
  const page = new ConsentPage(api, new ServerClock(), catalog, () => paint());
  const speak = async (tag: string): Promise<void> => {
    if (tag !== page.view.catalog.tag) page.set({ catalog: await loadCatalog(tag, URLS) });
  };
  let shown: Step = 'loading';

  function paint(): void {
    const { flow, catalog: words, memoryOnly } = page.view;
    const Screen = SCREENS[flow.step];
    const now = STEPS[flow.step];
    const losable = memoryOnly && (flow.step === 'recording' || flow.step === 'review');
    render(
      <Fragment>
        <PageHead
          catalog={words}
          languages={LANGUAGES}
          onLanguage={(tag) => void speak(tag)}
          {...(now === undefined ? {} : { step: { now, of: 5 } })}
        />
        <main data-step={flow.step} aria-busy={page.view.busy}>
          <TroubleBox catalog={words} trouble={flow.trouble} />
          {memoryOnly && ['code', 'recording', 'review'].includes(flow.step) && (
            <p class="hint" data-problem="take-in-memory" role="status">
              {words.text('problem.take-in-memory')}
            </p>
          )}
          <Screen page={page} />
        </main>
      </Fragment>,
      root,
    );
    onbeforeunload = losable ? (event) => event.preventDefault() : null;
    if (shown === flow.step) return;
    shown = flow.step;
    focusHeading();
  }

  addEventListener('hashchange', () => location.reload());
  paint();
  if ('session' in answer) await page.open(answer.session);
  else page.dispatch({ type: 'closed', trouble: answer.trouble });
}

async function askWhoAsks(api: Api): Promise<{ session: ConsentSession } | { trouble: Trouble }> {
  if (location.hash.length < 2) return { trouble: { slug: 'link-missing' } };
  // Browsers give neither camera nor hashes to a page that came without https.
  if (!isSecureContext) return { trouble: { slug: 'page-insecure' } };
  try {
    return { session: await api.get<ConsentSession>('/v1/consent-session') };
  } catch (error) {
    return { trouble: troubleOf(error) };
  }
}

void start();
