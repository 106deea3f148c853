import { Fragment, render, h } from 'preact';
import { type Catalog, chooseLanguage, loadCatalog } from '../catalog.ts';
import '../page.css';
import { type LanguageChoice, PageHead, TroubleBox, focusHeading } from '../page-parts.tsx';
import { troubleOf } from '../wire.ts';
import en from './en.json?url';
import hi from './hi.json?url';
import { AskScreen, ResultScreen, SendingScreen } from './screens.tsx';
import { sendFile } from './send-file.ts';
import type { VerifyView } from './verify-view.ts';
import './verify.css';

const URLS = { en, hi };
const LANGUAGES: readonly LanguageChoice[] = [
  { tag: 'en', name: 'English' },
  { tag: 'hi', name: 'हिन्दी' },
];

class VerifyPage {
  view: VerifyView;
  #stop = new AbortController();

  constructor(
    private readonly root: HTMLElement,
    catalog: Catalog,
  ) {
    this.view = { catalog, step: 'ask', fileName: '', sent: 0, report: null, reportUrl: null, trouble: null, over: false };
  }

  set(change: Partial<VerifyView>): void {
    const before = this.view.step;
    this.view = { ...this.view, ...change };
    this.paint();
    if (before !== this.view.step) focusHeading();
  }

  async look(file: Blob, name: string): Promise<void> {
    this.#stop.abort();
    const { signal } = (this.#stop = new AbortController());
    this.#drop();
    this.set({ step: 'sending', fileName: name, sent: 0, report: null, trouble: null, over: false });
    try {
      const report = await sendFile(file, (sent) => this.set({ sent }), signal);
      const json = new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' });
      this.set({ step: 'result', report, reportUrl: URL.createObjectURL(json) });
    } catch (error) {
      if (signal.aborted) return;
      this.set({ step: 'ask', trouble: troubleOf(error) });
    }
  }

  cancel(): void {
    this.#stop.abort();
    this.#drop();
    this.set({ step: 'ask', report: null, trouble: null });
  }

  paint(): void {
    const { catalog, step, trouble } = this.view;
    render(
      <Fragment>
        <PageHead catalog={catalog} languages={LANGUAGES} onLanguage={(tag) => void this.speak(tag)} />
        <main data-step={step}>
          <TroubleBox catalog={catalog} trouble={trouble} />
          {step === 'ask' && <AskScreen view={this.view} onFile={(file) => void this.look(file, file.name)} />}
          {step === 'sending' && <SendingScreen view={this.view} onCancel={() => this.cancel()} />}
          {step === 'result' && <ResultScreen view={this.view} onAgain={() => this.cancel()} />}
        </main>
      </Fragment>,
      this.root,
    );
  }

  async speak(tag: string): Promise<void> {
    this.set({ catalog: await loadCatalog(tag, URLS) });
  }

  /** Dropped anywhere, or pasted. */
  listen(): void {
    addEventListener('dragover', (event) => {
      event.preventDefault();
      if (!this.view.over && this.view.step === 'ask') this.set({ over: true });
    });
    addEventListener('dragleave', (event) => event.relatedTarget === null && this.set({ over: false }));
    addEventListener('drop', (event) => {
      event.preventDefault();
      this.#take(event.dataTransfer);
    });
    addEventListener('paste', (event) => this.#take(event.clipboardData));
  }

  #take(data: DataTransfer | null): void {
    const file = data?.files[0];
    if (file) return void this.look(file, file.name);
    this.set({ over: false, ...(data && this.view.step === 'ask' ? { trouble: { slug: 'no-file' } } : {}) });
  }

  #drop(): void {
    if (this.view.reportUrl !== null) URL.revokeObjectURL(this.view.reportUrl);
    this.view = { ...this.view, reportUrl: null };
  }
}

async function start(): Promise<void> {
  const catalog = await loadCatalog(chooseLanguage(navigator.languages, Object.keys(URLS)), URLS);
  const page = new VerifyPage(document.getElementById('page')!, catalog);
  page.listen();
  page.paint();
}

void start();
