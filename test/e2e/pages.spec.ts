import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { built } from '#kernel';
import { NO_CHROMIUM, WatchedPage, fakeCamera, findChromium, openBrowser } from './browser.fixture.ts';
import { FakeDoors, MANAGE_TOKEN } from './fake-doors.fixture.ts';

const chromium = findChromium();
if (!chromium) console.log(`skipped: ${NO_CHROMIUM}`);

let browser: Browser;
let doors: FakeDoors;
let watched: WatchedPage;

describe.skipIf(!chromium)('the consent page in a real Chromium', () => {
  beforeAll(async () => void (browser = await openBrowser(await fakeCamera())), 240_000);
  afterAll(() => browser?.close());
  beforeEach(async () => void (doors = await FakeDoors.open()));
  afterEach(async () => {
    const faults = watched?.faults ?? [];
    await watched?.context.close();
    await doors.close();
    expect(faults).toEqual([]);
  });

  const open = async (options = {}): Promise<WatchedPage['page']> => {
    watched = await WatchedPage.open(browser, doors.url, options);
    return watched.page;
  };
  const click = (name: string, page = watched.page): Promise<void> => page.getByRole('button', { name, exact: true }).click();
  const at = (step: string, page = watched.page): Promise<void> => page.locator(`main[data-step=${step}]`).waitFor();
  const problem = (slug: string, page = watched.page): Promise<void> => page.locator(`[data-problem=${slug}]`).waitFor();
  const toCamera = async (page = watched.page): Promise<void> => {
    await page.goto(doors.link);
    await click('I have read this', page);
    await page.getByLabel('Make videos').check();
    await click('Continue', page);
    await at('camera', page);
  };
  const toCode = async (page = watched.page): Promise<void> => {
    await toCamera(page);
    await click('Show my code', page);
    await at('code', page);
  };
  const toReview = async (page = watched.page): Promise<void> => {
    await toCode(page);
    await click('Start recording', page);
    await click('Done', page);
    await at('review', page);
  };
  /** The same without the seconds that a recording takes: a file from the phone's camera application. */
  const sendFile = async (bytes = 200_000): Promise<void> => {
    const file = { name: 'private name.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(bytes, 7) };
    await watched.page.locator('input[type=file]').setInputFiles(file);
  };
  const toReviewWithFile = async (page = watched.page): Promise<void> => {
    await page.addInitScript(() => delete (globalThis as { MediaRecorder?: unknown }).MediaRecorder);
    await toCamera(page);
    await click('Use my camera app instead', page);
    await click('Show my code', page);
    await sendFile();
  };
  const give = async (): Promise<void> => {
    await watched.page.locator('[data-upload=ready]').waitFor();
    await watched.page.getByLabel('I am the person in this clip').check();
    await click('Give my consent');
    await at('given');
  };
  const upload = (): NonNullable<ReturnType<FakeDoors['uploads']['get']>> => [...doors.uploads.values()].at(-1)!;

  it('leads from the question to the receipt, sending the clip while it is recorded', async () => {
    const page = await open();
    await page.goto(doors.link);
    await watched.screen('asked', 'consent-1-asked');
    await click('I have read this');
    await watched.screen('scope', 'consent-2-scope');
    expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(0);
    await click('Continue');
    expect(await watched.problem()).toBe('nothing-chosen');
    await page.getByLabel('Make videos').check();
    await click('Continue');
    await page.getByRole('button', { name: 'Show my code' }).and(page.locator(':enabled')).waitFor();
    await watched.screen('camera', 'consent-3-camera');
    await click('Show my code');
    await watched.screen('code', 'consent-4-code');
    await click('Start recording');
    await watched.screen('recording', 'consent-5-calm', { axe: false });
    await page.locator('p.speak').waitFor();
    await watched.screen('recording', 'consent-6-speaking');
    expect(upload().bytes.length).toBeGreaterThan(0);
    expect(upload().length).toBeUndefined();
    await click('Done');
    await page.locator('[data-upload=ready]').waitFor();
    await watched.screen('review', 'consent-7-review');
    await page.getByLabel('I am the person in this clip').check();
    await click('Give my consent');
    await watched.screen('checking', 'consent-8-checking');
    await page.getByRole('link', { name: 'Save my receipt' }).waitFor();
    await watched.screen('given', 'consent-9-given');

    expect(doors.bodies('/notice-shown')).toEqual([
      { locale: 'en', text_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    ]);
    expect(doors.bodies('/evidence')).toEqual([
      {
        capture_id: upload().metadata['capture_id'],
        upload_id: [...doors.uploads.keys()][0],
        purposes: ['async_video'],
        realtime: false,
        export_model: false,
        confirmed: true,
      },
    ]);
    expect(Object.keys(upload().metadata).sort()).toEqual(['capture_id', 'consent_id', 'kind', 'subject_id']);
    const save = page.getByRole('link', { name: 'Save my receipt' });
    const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
    expect(download.suggestedFilename()).toMatch(/^consent-receipt-.*\.json$/);
    expect(JSON.parse(readFileSync(await download.path(), 'utf8'))).toMatchObject({ receipt: 'eyJ.eyJ.sig' });
    // Nothing of the person is left in the browser.
    expect(await keptTakes()).toBe(0);
  });

  it('speaks Hindi from one catalog, isolates hostile names and fits a narrow phone', async () => {
    doors.language = 'hi-IN';
    doors.name = `\u202Eevil\u0085 ${'நி'.repeat(150)}`;
    const page = await open();
    await page.goto(doors.link);
    await watched.screen('asked', 'consent-hi-1-asked');
    expect(await page.locator('html').getAttribute('lang')).toBe('hi');
    expect(watched.requests.filter((line) => line.endsWith('.json'))).toHaveLength(1);
    const name = page.locator('.facts bdi').first();
    expect(await name.textContent()).toBe(`⟨U+202E⟩evil⟨U+0085⟩ ${'நி'.repeat(150)}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await click('यह पढ़ लिया है');
    await watched.screen('scope', 'consent-hi-2-scope');
    await page.getByLabel('Language, भाषा').or(page.locator('select')).first().selectOption('en');
    await page.getByRole('heading', { name: 'What do you allow?' }).waitFor();
  });

  it('shows what the camera says, keeps what was chosen and counts no try (case CA-01)', async () => {
    const cases: [string, string][] = [
      ['NotAllowedError', 'camera-denied'],
      ['NotFoundError', 'camera-missing'],
      ['NotReadableError', 'camera-busy'],
      ['OverconstrainedError', 'camera-unsupported'],
      ['SecurityError', 'camera-unsupported'],
      ['no devices', 'camera-unsupported'],
      ['no recorder', 'camera-unsupported'],
    ];
    const page = await open();
    await page.addInitScript(() => {
      const how = new URLSearchParams(location.search).get('how');
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      Object.assign(globalThis, { heal: () => (navigator.mediaDevices.getUserMedia = real) });
      if (how === 'no devices') Object.defineProperty(navigator, 'mediaDevices', { value: undefined });
      else if (how === 'no recorder') delete (globalThis as { MediaRecorder?: unknown }).MediaRecorder;
      else if (how) navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', how));
    });
    for (const [how, slug] of cases) {
      await page.goto(doors.link.replace('/consent/', `/consent/?how=${encodeURIComponent(how)}`));
      await click('I have read this');
      await page.getByLabel('Make videos').check();
      await click('Continue');
      await problem(slug);
      await page.getByRole('button', { name: 'Use my camera app instead' }).waitFor();
      if (how === 'NotAllowedError') {
        await watched.screen('camera', 'consent-camera-denied');
        await page.evaluate(() => (globalThis as unknown as { heal(): void }).heal());
        await click('Try the camera again');
        await page.locator('.light').waitFor();
        await click('Back');
        expect(await page.getByLabel('Make videos').isChecked()).toBe(true);
      }
    }
    expect(doors.bodies('/challenge')).toEqual([]);
  });

  it('takes a clip of the phone’s own camera application where the browser cannot record', async () => {
    const page = await open();
    await page.addInitScript(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
    await toCamera();
    await click('Use my camera app instead');
    await click('Show my code');
    await watched.screen('code', 'consent-file-way');
    await sendFile(700_000);
    await give();
    expect(upload().bytes.equals(Buffer.alloc(700_000, 7))).toBe(true);
    expect(JSON.stringify(doors.sent) + JSON.stringify([...doors.uploads.values()].map((one) => one.metadata))).not.toContain(
      'private name',
    );
  });

  it('repeats the step with the same code when the phone is turned or the camera goes away (case CA-02)', async () => {
    const page = await open();
    await toCode();
    await click('Start recording');
    await page.locator('p.speak').waitFor();
    await page.evaluate(() => {
      const video = document.querySelector('video')!;
      Object.defineProperty(video, 'videoWidth', { value: 288, configurable: true });
      video.dispatchEvent(new Event('resize'));
    });
    await problem('capture-size-changed');
    await watched.screen('code', 'consent-turned');
    await expect.poll(() => doors.uploads.size).toBe(0);
    await click('Start recording');
    await page.locator('p.speak').waitFor();
    await page.evaluate(() => {
      const { srcObject } = document.querySelector('video')!;
      (srcObject as MediaStream).getVideoTracks()[0]!.dispatchEvent(new Event('ended'));
    });
    await problem('capture-interrupted');
    await at('code');
    await expect.poll(() => doors.uploads.size).toBe(0);
    expect(doors.bodies('/challenge')).toHaveLength(1);
  });

  it('goes on after a reload in the middle of a recording: the same step, the same code', async () => {
    const page = await open();
    await toCode();
    await click('Start recording');
    await page.locator('p.speak').waitFor();
    await page.reload();
    await problem('capture-interrupted');
    await at('camera');
    await click('Show my code');
    await at('code');
    expect(doors.bodies('/challenge')).toHaveLength(1);
    await expect.poll(() => doors.uploads.size).toBe(0);
  });

  it('goes on by itself after the connection was gone and after a reload, to the same bytes', async () => {
    const page = await open();
    await toCode();
    await click('Start recording');
    await page.locator('p.speak').waitFor();
    await watched.context.setOffline(true);
    doors.orders['/patch'] = [{ status: 503 }, { status: 409, code: 'upload-offset-conflict' }];
    await page.locator('[data-upload=waiting]').waitFor();
    await watched.picture('consent-offline');
    await watched.context.setOffline(false);
    await click('Done');
    await page.locator('[data-upload=ready]').waitFor();
    const kept = await page.evaluate(
      () =>
        new Promise<number[]>((resolve) => {
          indexedDB.open('assent-takes').onsuccess = ({ target }) => {
            const pieces = (target as IDBOpenDBRequest).result.transaction('pieces').objectStore('pieces').getAll();
            pieces.onsuccess = () => resolve((pieces.result as ArrayBuffer[]).flatMap((piece) => [...new Uint8Array(piece)]));
          };
        }),
    );
    expect(Buffer.from(kept).equals(upload().bytes)).toBe(true);
    await page.reload();
    await watched.screen('review', 'consent-resumed', { axe: false });
    expect(await page.locator('video.clip').getAttribute('src')).toMatch(/^blob:/);
    await give();
    expect(doors.uploads.size).toBe(1);
    expect(doors.bodies('/challenge')).toHaveLength(1);
  });

  it('records from memory where the browser cannot keep anything, and says so (case CA-03)', async () => {
    const page = await open();
    await page.addInitScript(() => {
      const full = (): never => {
        throw new DOMException('', 'QuotaExceededError');
      };
      IDBObjectStore.prototype.put = full;
      IDBFactory.prototype.open = full;
      Storage.prototype.setItem = full;
    });
    await toReview();
    await problem('take-in-memory');
    await give();
    expect(upload().bytes.length).toBe(upload().length);
    await page.close();
  });

  it('says in a second tab that a recording is running, and takes it over when asked (case UP-01)', async () => {
    const page = await open();
    await toCode();
    const second = await WatchedPage.in(watched.context, doors.url);
    await toCamera(second.page);
    await click('Show my code', second.page);
    await second.screen('camera', 'consent-second-tab');
    await problem('capture-in-progress', second.page);
    await click('Go on here instead', second.page);
    await at('code', second.page);
    await problem('capture-taken-over', page);
    await at('camera', page);
    expect(doors.bodies('/challenge')).toEqual([{}, {}, { take_over: true }]);
    expect(second.faults).toEqual([]);
  });

  it('goes by the server’s clock when the browser’s is 26 hours wrong, and shows the last day where the person is (case LE-02)', async () => {
    const page = await open({ timezoneId: 'America/New_York' });
    await page.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() + 26 * 3_600_000;
    });
    await page.goto(doors.link);
    await page.getByText('March 28, 2027 at 11:59 PM (Asia/Kolkata)').waitFor();
    await toCode();
    await page.getByText(/good for another 9:[34]\d/).waitFor();
    // A code that has run out is not begun with, also when it was kept over a reload.
    await page.reload();
    await at('camera');
    await click('Show my code');
    await at('code');
    expect(doors.bodies('/challenge')).toHaveLength(1);
    await page.evaluate(() => {
      const before = Date.now;
      Date.now = () => before() + 590_000;
    });
    await problem('challenge-expired');
    await at('camera');
    doors.captureId = null;
    await click('Show my code');
    await at('code');
    expect(doors.bodies('/challenge')).toHaveLength(2);
  });

  it('takes the typed code in every script and refuses letters beside the field (case LN-02)', async () => {
    const page = await open();
    await toReviewWithFile();
    await page.locator('[data-upload=ready]').waitFor();
    await page.getByLabel('I am the person in this clip').check();
    await page.getByText('I could not say the code aloud').click();
    await page.getByLabel('Type the code you were shown').fill('48291l');
    await click('Give my consent');
    await problem('code-not-digits');
    await watched.screen('review', 'consent-typed-code');
    expect(doors.bodies('/evidence')).toEqual([]);
    await page.getByLabel('Type the code you were shown').fill('४८ २९-１٣');
    doors.orders['/evidence'] = [{ status: 422, code: 'challenge-code-wrong' }];
    await click('Give my consent');
    await problem('challenge-code-wrong');
    await click('Give my consent');
    await at('given');
    expect(doors.bodies('/evidence').at(-1)).toMatchObject({ typed_code: '482913' });
  });

  it('repeats only the clip when it cannot be used: before and after it was handed in (case ID-03)', async () => {
    const page = await open();
    doors.orders['/upload-check'] = [{ status: 422, code: 'media-too-short' }];
    await toReviewWithFile();
    await problem('media-too-short');
    await at('code');
    await sendFile();
    doors.outcome = 'evidence_failed';
    doors.evidenceProblem = { code: 'footage-quality', detail: 'The face is too dark (12 of 255, at least 40).' };
    await page.locator('[data-upload=ready]').waitFor();
    await page.getByLabel('I am the person in this clip').check();
    await click('Give my consent');
    await problem('footage-quality');
    await page.getByText('The face is too dark (12 of 255, at least 40).').waitFor();
    await page.getByText('Tries left: 4').waitFor();
    await watched.screen('camera', 'consent-not-accepted');
    doors.outcome = 'given';
    doors.evidenceProblem = null;
    await click('Show my code');
    await sendFile();
    await give();
    expect(doors.bodies('/evidence').at(-1)).toMatchObject({ purposes: ['async_video'] });
  });

  it('does not hand in the same clip twice when the answer was lost', async () => {
    const page = await open();
    await toReviewWithFile();
    await page.locator('[data-upload=ready]').waitFor();
    await page.getByLabel('I am the person in this clip').check();
    const lose = async (route: Route): Promise<void> => {
      await route.fetch();
      await route.abort();
    };
    await page.route('**/evidence', lose, { times: 1 });
    await click('Give my consent');
    await at('given');
    expect(doors.bodies('/evidence')).toHaveLength(1);
  });

  it('lets a person say no, or not now, and keeps nothing', async () => {
    const page = await open();
    await toReviewWithFile();
    await click('Not now');
    await watched.screen('later', 'consent-later');
    await expect.poll(() => doors.uploads.size).toBe(0);
    expect(await keptTakes()).toBe(0);
    await click('Go back to the request');
    await at('asked');
    await click('No, I refuse');
    await watched.screen('asked', 'consent-refuse-sure');
    expect(doors.bodies('/refuse')).toEqual([]);
    await click('Yes, I refuse');
    await watched.screen('refused', 'consent-refused');
    expect(doors.bodies('/refuse')).toEqual([{}]);
    await page.goto(`${doors.url}/consent/`);
    await problem('link-missing');
    await page.goto(`${doors.url}/consent#asl_wrongwro_ng`);
    await problem('unauthenticated');
    await watched.screen('closed', 'consent-closed');
  });

  it('pauses and withdraws from the receipt’s link, in two clicks each', async () => {
    doors.state = 'given';
    const page = await open();
    await page.goto(`${doors.url}/consent/#${MANAGE_TOKEN}`);
    await watched.screen('manage', 'consent-manage-1');
    await click('Pause');
    await watched.screen('manage', 'consent-manage-2-pause');
    await click('Yes, pause now');
    await page.locator('[data-state=paused]').waitFor();
    await click('Resume');
    await page.locator('[data-state=given]').waitFor();
    await click('Withdraw');
    await click('Yes, withdraw now');
    await page.locator('[data-state=withdrawn]').waitFor();
    await watched.screen('manage', 'consent-manage-3-withdrawn');
    expect(await page.getByRole('button', { name: 'Resume' }).count()).toBe(0);
    expect(doors.sent.map(({ route }) => route)).toEqual(['/pause', '/resume', '/withdraw']);
  });

  it('can be walked with the keyboard alone, the focus at the top of each screen', async () => {
    const page = await open({ isMobile: false, hasTouch: false });
    await page.goto(doors.link);
    await at('asked');
    expect(await focused()).toBe('H1');
    await tabTo('I have read this');
    await page.keyboard.press('Enter');
    await at('scope');
    expect(await focused()).toBe('H1');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await tabTo('Continue');
    await page.keyboard.press('Enter');
    await at('camera');
    await page.getByRole('button', { name: 'Show my code' }).and(page.locator(':enabled')).waitFor();
    await tabTo('Show my code');
    await page.keyboard.press('Enter');
    await at('code');
    expect(await focused()).toBe('H1');
  });

  it('answers every file with the policy that lets nothing out', async () => {
    const page = await open();
    const policies: string[] = [];
    page.on('response', (response) => void policies.push(response.headers()['content-security-policy'] ?? 'none'));
    await page.goto(doors.link);
    await at('asked');
    expect(policies.filter((policy) => policy !== 'none').length).toBeGreaterThan(3);
    expect(new Set(policies.filter((policy) => policy !== 'none')).size).toBe(1);
    // And the browser keeps to it.
    const tried = await page.evaluate(() =>
      fetch('https://elsewhere.example/').then(
        () => 'sent',
        () => 'stopped',
      ),
    );
    expect(tried).toBe('stopped');
    watched.faults.length = 0;
  });

  const keptTakes = (): Promise<number> =>
    watched.page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          indexedDB.open('assent-takes').onsuccess = ({ target }) => {
            const db = (target as IDBOpenDBRequest).result;
            const count = db.transaction(['takes', 'pieces']).objectStore('pieces').count();
            count.onsuccess = () => resolve(count.result);
          };
        }),
    );
  const focused = (): Promise<string> => watched.page.evaluate(() => document.activeElement?.tagName ?? '');
  const tabTo = async (text: string): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      if ((await watched.page.evaluate(() => document.activeElement?.textContent)) === text) return;
      await watched.page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach "${text}"`);
  };
});

describe('the weight of the consent page', () => {
  /** Bytes as they travel: the brotli copies that the build wrote. */
  const packed = (name: string): number => readFileSync(built('web', `${name}.br`)).length;
  const page = readFileSync(built('web/consent/index.html'), 'utf8');
  const files = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1]!);
  const script = readFileSync(
    built(
      'web',
      files.find((name) => name.endsWith('.js'))!,
    ),
    'utf8',
  );
  const catalogs = readdirSync(built('web/assets')).filter((name) => name.endsWith('.json') && script.includes(name));

  it('names one script and one style sheet, and a catalog for each language', () => {
    expect(new Set(files.map((name) => name.split('.').at(-1)))).toEqual(new Set(['css', 'js']));
    expect(files).toHaveLength(2);
    expect(catalogs.map((name) => name.slice(0, 2)).sort()).toEqual(['en', 'hi']);
  });

  it.each(['en', 'hi'])('is at most 20 KB of brotli with the catalog of %s', (language) => {
    const catalog = join(
      'assets',
      catalogs.find((name) => name.startsWith(language))!,
    );
    const bytes = [...files, catalog].map(packed).reduce((sum, size) => sum + size, 0);
    console.log(`consent page, ${language}: ${bytes} bytes of brotli (script, style, catalog)`);
    expect(bytes).toBeLessThanOrEqual(20 * 1024);
  });
});
