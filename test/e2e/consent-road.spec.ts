import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syntheticClip } from '#testing';
import { type TestApi, call, openTestApi } from '../../apps/api/api.fixture.ts';
import { NO_CHROMIUM, WatchedPage, fakeCamera, findChromium, openBrowser } from './browser.fixture.ts';

const chromium = findChromium();
if (!chromium) console.log(`skipped: ${NO_CHROMIUM}`);

describe.skipIf(!chromium)('from the link to the receipt and back out, in a real Chromium on the real API', () => {
  let api: TestApi;
  let browser: Browser;
  let watched: WatchedPage;
  let id: string;
  let saved: { receipt: string; record: object; manage_url: string };

  beforeAll(async () => {
    browser = await openBrowser(await fakeCamera());
    api = await openTestApi({ worker: true });
    watched = await WatchedPage.open(browser, api.url);
    watched.page.setDefaultTimeout(60_000);
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  const click = (name: string): Promise<void> => watched.page.getByRole('button', { name, exact: true }).click();
  const log = async (): Promise<string[]> => {
    const { body } = await call(api, 'GET', '/v1/audit/events?limit=200', { key: api.keys.auditor });
    return (body['data'] as unknown as { event: { type: string } }[]).map(({ event }) => event.type);
  };

  it('gives consent for what was ticked, with a clip that the worker has looked at', async () => {
    const subject = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: { name: 'Mira \u202EShah' } });
    const made = await call(api, 'POST', '/v1/consents', {
      key: api.keys.operator,
      body: {
        subject_id: subject.body['id'],
        scope: {
          purposes: ['training', 'async_video', 'advertising'],
          intended_uses: ['a lesson about tides'],
          export_model: true,
        },
        controller: { party_id: 'c1', party_name: 'Example Ltd', party_address: '1 Road', party_contact: 'privacy@example.org' },
        jurisdiction: 'IN',
        valid_until: '2027-03-28',
        zone: 'Asia/Kolkata',
      },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const { consent, link } = made.body as unknown as { consent: { id: string }; link: { url: string } };
    id = consent.id;
    const { page } = watched;
    await page.goto(link.url);
    await page.getByText('Mira ⟨U+202E⟩Shah').waitFor();
    await page.getByText('March 28, 2027 at 11:59 PM (Asia/Kolkata)').waitFor();
    await click('I have read this');
    await page.getByLabel('Make the replica').check();
    await page.getByLabel('Make videos').check();
    await click('Continue');
    await click('Show my code');
    await click('Start recording');
    await click('Done');
    await page.locator('[data-upload=ready]').waitFor();
    await watched.picture('road-1-review');
    await page.getByLabel('I am the person in this clip').check();
    await click('Give my consent');
    await page.locator('main[data-step=given]').waitFor();
    const save = page.getByRole('link', { name: 'Save my receipt' });
    const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
    saved = JSON.parse(readFileSync(await download.path(), 'utf8')) as typeof saved;
    await watched.picture('road-2-given');

    const read = await call(api, 'GET', `/v1/consents/${id}`, { key: api.keys.operator });
    expect(read.body).toMatchObject({ state: 'given', purposes: ['training', 'async_video'], scope: { export_model: false } });
    const [header, payload] = saved.receipt.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header!)).toHaveProperty('alg');
    expect(JSON.parse(payload!)).toEqual(saved.record);
    expect(saved.record).toMatchObject({ evidence: { method: 'challenged-clip' } });
    await expect
      .poll(log)
      .toEqual(expect.arrayContaining([expect.stringMatching(/notice-shown$/), expect.stringMatching(/consent\.given$/)]));
  }, 180_000);

  it('kept the clip whole: what the server holds is what was recorded', async () => {
    const [row] = await api.db.query<{ sha256: string; size: string }>(
      `SELECT sha256, bytes AS size FROM uploads WHERE kind = 'consent-clip'`,
    );
    expect(Number(row!.size)).toBeGreaterThan(20_000);
    expect((saved.record as { evidence: { clip_sha256: string } }).evidence.clip_sha256).toBe(row!.sha256);
  });

  it('opens the used link as what became of it, and ends it from the receipt in two clicks', async () => {
    const { page } = watched;
    await page.reload();
    await page.locator('main[data-step=manage] [data-state=given]').waitFor();
    await page.goto('about:blank');
    await page.goto(new URL(saved.manage_url, api.url).href);
    await page.locator('[data-state=given]').waitFor();
    await watched.picture('road-3-manage');
    await click('Withdraw');
    await click('Yes, withdraw now');
    await page.locator('[data-state=withdrawn]').waitFor();
    const read = await call(api, 'GET', `/v1/consents/${id}`, { key: api.keys.operator });
    expect(read.body['state']).toBe('withdrawn');
    await expect.poll(log).toContainEqual(expect.stringMatching(/consent\.withdrawn$/));
  });

  it('says of an unmarked clip that nothing can be told, over the real endpoint', async () => {
    const { page } = watched;
    await page.goto(`${api.url}/verify/`);
    const clip = await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 3, size: 320 });
    await page.locator('input[type=file]').setInputFiles(clip);
    await page.locator('main[data-step=result]').waitFor();
    expect(await page.locator('.verdict').getAttribute('data-tone')).toBe('unknown');
    await watched.picture('road-4-verify');
  }, 180_000);

  it('never let the link’s secret out of the fragment, and broke none of its own rules', () => {
    expect(watched.faults).toEqual([]);
    expect(api.log.join('\n')).not.toContain('asl_');
    expect(api.log.join('\n')).not.toContain('Mira');
  });
});
