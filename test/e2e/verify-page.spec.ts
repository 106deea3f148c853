import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_CHROMIUM, WatchedPage, findChromium, openBrowser } from './browser.fixture.ts';
import { FakeDoors } from './fake-doors.fixture.ts';

const chromium = findChromium();
if (!chromium) console.log(`skipped: ${NO_CHROMIUM}`);

const consent = {
  status_url: 'https://assent.example/v1/consents/t/status',
  record_sha256: 'ab'.repeat(32),
  scope_sha256: 'cd'.repeat(32),
  assurance: 'none',
};
const report = (state: string, watermark: string, more: object = {}, c2pa: object = {}): object => ({
  verdict: state === 'trusted' ? 'trusted' : 'not-trusted',
  sentence: 'The server’s own sentence.',
  checks: [
    {
      name: 'manifest',
      outcome: state === 'trusted' ? 'holds' : 'fails',
      detail: 'The file is exactly as its signer signed it.',
    },
    { name: 'watermark', outcome: 'unknown', detail: 'What the watermark says cannot be told.' },
  ],
  sha256: 'ef'.repeat(32),
  consent_status: 'not-named',
  log_index: null,
  c2pa: { state, reasons: [], summary: '', ...c2pa },
  watermark: { state: watermark, reasons: [] },
  ...more,
});
const signed = { signer: 'Acme \u202Estudio', signed_at: '2026-11-20T10:00:00Z', consent };
const REPORTS: [name: string, report: object, tone: string, say: string, words: RegExp][] = [
  ['replica', report('trusted', 'match', { consent_status: 'valid', log_index: 42 }, signed), 'good', 'say.replica', /gave consent, and the consent is valid today/],
  ['withdrawn', report('trusted', 'match', { consent_status: 'withdrawn' }, signed), 'bad', 'say.replica', /has since withdrawn/],
  ['tampered', report('tampered', 'cannot_tell', {}, { reasons: ['assertion.dataHash.mismatch'] }), 'bad', 'say.tampered', /changed after it was signed/],
  ['untrusted', report('valid-untrusted', 'none', {}, signed), 'caution', 'say.valid-untrusted', /nobody we trust vouches/],
  ['mark-only', report('none', 'match'), 'caution', 'say.mark-only', /signature has been removed/],
  ['nothing', report('none', 'none'), 'unknown', 'say.none', /does not make it genuine/],
  ['unreadable', report('unparsable', 'cannot_tell', {}, { reasons: ['media-type-unsupported'] }), 'unknown', 'say.unsupported', /no video, picture or sound/],
]; // prettier-ignore

let browser: Browser;
let doors: FakeDoors;
let watched: WatchedPage;

describe.skipIf(!chromium)('the verify page in a real Chromium', () => {
  beforeAll(async () => void (browser = await openBrowser({ video: '', audio: '' })));
  afterAll(() => browser?.close());
  beforeEach(async () => {
    doors = await FakeDoors.open();
    watched = await WatchedPage.open(browser, doors.url);
    await watched.page.goto(`${doors.url}/verify/`);
  });
  afterEach(async () => {
    const { faults } = watched;
    await watched.context.close();
    await doors.close();
    expect(faults).toEqual([]);
  });

  const choose = (bytes: Buffer, name = 'clip.mp4'): Promise<void> =>
    watched.page.locator('input[type=file]').setInputFiles({ name, mimeType: 'video/mp4', buffer: bytes });
  const tone = (): Promise<string | null> => watched.page.locator('.verdict').getAttribute('data-tone');

  it('says first who signed, from whose consent and whether it still stands, and never makes absence of marks a yes', async () => {
    const { page } = watched;
    await watched.screen('ask', 'verify-1-ask');
    for (const [name, answer, expected, say, words] of REPORTS) {
      doors.report = answer;
      await choose(Buffer.from(`bytes of ${name}`), `${name} <b>.mp4`);
      await page.locator(`[data-say="${say}"]`).waitFor();
      expect(await tone(), name).toBe(expected);
      expect(await page.locator('.verdict').textContent(), name).toMatch(words);
      await watched.screen('result', `verify-2-${name}`, { axe: ['replica', 'nothing', 'untrusted', 'tampered'].includes(name) });
      expect(doors.verified.toString()).toBe(`bytes of ${name}`);
      if (name === 'replica') {
        expect(await page.locator('.verdict').textContent()).toContain('Acme ⟨U+202E⟩studio');
        expect(await page.locator('details').textContent()).toContain('entry 42');
        const save = page.getByRole('link', { name: 'Save the report' });
        const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
        expect(download.suggestedFilename()).toBe('verification.json');
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await page.getByRole('button', { name: 'Check another file' }).click();
    }
  });

  it('takes a dropped and a pasted file, and says that a pasted sentence is none', async () => {
    const { page } = watched;
    doors.report = REPORTS[5]![1];
    for (const how of ['drop', 'paste'] as const) {
      await page.evaluate((event) => {
        const data = new DataTransfer();
        data.items.add(new File([`${event} bytes`], 'clip.mp4', { type: 'video/mp4' }));
        dispatchEvent(
          event === 'drop' ? new DragEvent('drop', { dataTransfer: data }) : new ClipboardEvent('paste', { clipboardData: data }),
        );
      }, how);
      await page.locator('main[data-step=result]').waitFor();
      expect(doors.verified.toString()).toBe(`${how} bytes`);
      await page.getByRole('button', { name: 'Check another file' }).click();
    }
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.setData('text/plain', 'a sentence');
      dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }));
    });
    expect(await watched.problem()).toBe('no-file');
  });

  it('shows how much has gone, can be stopped, and says each refusal', async () => {
    const { page } = watched;
    let release: () => void = () => undefined;
    await page.route('**/v1/verify', async (route) => {
      await new Promise<void>((resolve) => (release = resolve));
      await route.continue().catch(() => undefined); // stopped meanwhile
    });
    await choose(Buffer.alloc(100_000));
    await page.locator('main[data-step=sending]').waitFor();
    await watched.picture('verify-3-sending');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.locator('main[data-step=ask]').waitFor();
    release();
    await page.unroute('**/v1/verify');
    for (const [status, code] of [[429, 'rate-limited'], [503, 'overloaded'], [413, 'upload-too-large']] as const) {
      doors.verifyStatus = status;
      doors.report = { code, detail: 'Said by the server.' };
      await choose(Buffer.from('x'));
      await page.locator(`[data-problem="${code}"]`).waitFor();
    }
    await watched.screen('ask', 'verify-4-refused');
  }); // prettier-ignore

  it('speaks Hindi', async () => {
    const { page } = watched;
    doors.report = REPORTS[0]![1];
    await page.locator('select').selectOption('hi');
    await page.getByRole('heading', { name: 'यह कहाँ से आया है?' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('hi');
    await choose(Buffer.from('x'));
    await watched.screen('result', 'verify-hi-replica');
  });

  it('starts at a page that says where to go', async () => {
    await watched.page.goto(doors.url);
    await watched.page.getByRole('link', { name: 'Check a video or a picture' }).waitFor();
    await watched.picture('home');
    expect(await watched.violations()).toEqual([]);
  });
});
