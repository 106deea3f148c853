import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { expect } from 'vitest';
import { bareEnvironment, packageRoot } from '#kernel';
import { findMediaTools } from '#media';
import { renderClipParallel, recordClip, createPerson } from '#synthetic';

const OUT = join(packageRoot(), 'test-output');

/** Where Debian and others put it. Undefined: the tests of the pages are skipped, and say so. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

export const NO_CHROMIUM = 'no Chromium: install Debian’s `chromium` to run the tests of the pages';

export interface FakeCamera {
  readonly video: string;
  readonly audio: string;
}

/** What the camera sees: the synthetic subject, made by our own engine, four seconds that Chromium repeats. Made once. */
export async function fakeCamera(): Promise<FakeCamera> {
  const folder = join(OUT, 'camera');
  const camera = { video: join(folder, 'lucia-2.mjpeg'), audio: join(folder, 'lucia-2.wav') };
  if (existsSync(camera.video) && existsSync(camera.audio)) return camera;
  await mkdir(folder, { recursive: true });
  const spec = { castId: 'lucia', seconds: 4, fps: 12, take: 'consent', size: 288 };
  const clip = recordClip(createPerson(spec.castId), spec);
  const { sampleRate, samples } = clip.audio();
  await writeFile(camera.audio, wave(samples, sampleRate));
  const tools = await findMediaTools();
  const part = `${camera.video}.part`;
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '288x288', '-r', '25', '-i', 'pipe:0'];
  const out = ['-vf', 'pad=384:288:48:0:0x5a5f5c', '-c:v', 'mjpeg', '-q:v', '4', '-pix_fmt', 'yuvj420p', '-f', 'mjpeg', part];
  const ffmpeg = spawn(tools.ffmpeg, ['-v', 'error', '-y', ...raw, ...out], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => ffmpeg.once('exit', resolve));
  for await (const { data } of renderClipParallel(spec, { threads: 2 }))
    if (!ffmpeg.stdin.write(data)) await new Promise((resolve) => ffmpeg.stdin.once('drain', resolve));
  ffmpeg.stdin.end();
  expect(await ended).toBe(0);
  await rename(part, camera.video);
  return camera;
}

/** 16-bit mono RIFF. */
function wave(samples: Float32Array, rate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length * 2, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length * 2, 40);
  const data = Buffer.from(Int16Array.from(samples, (v) => Math.max(-1, Math.min(1, v)) * 32767).buffer);
  return Buffer.concat([header, data]);
}

/** A real browser without a window, whose camera is the synthetic subject. */
export async function openBrowser(camera: FakeCamera): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium()!,
    headless: true,
    env: bareEnvironment(),
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${camera.video}`,
      `--use-file-for-fake-audio-capture=${camera.audio}`,
    ],
  });
}

/** A phone of 360 × 740 points, as a person in India might hold it. */
export const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  locale: 'en-IN',
};

/** A page with everything that it must never do recorded as a fault. */
export class WatchedPage {
  readonly faults: string[] = [];
  readonly requests: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    private readonly origin: string,
  ) {
    page.on('pageerror', (error) => this.faults.push(`threw: ${String(error)}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) this.faults.push(message.text());
    });
    page.on('request', (request) => {
      this.requests.push(`${request.method()} ${request.url().slice(this.origin.length)}`);
      if (!request.url().startsWith(this.origin) && !request.url().startsWith('blob:'))
        this.faults.push(`asked ${request.url()}`);
      // The link's secret goes nowhere but into one header.
      if (/asl_/.test(new URL(request.url()).pathname + new URL(request.url()).search))
        this.faults.push(`token in ${request.url()}`);
    });
  }

  static async open(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await browser.newContext({ ...PHONE, permissions: ['camera', 'microphone'], ...options });
    return WatchedPage.in(context, origin);
  }

  static async in(context: BrowserContext, origin: string): Promise<WatchedPage> {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    return new WatchedPage(page, context, origin);
  }

  /** Waits for a screen, keeps a picture of it, and lets axe look at it in both lights. */
  async screen(step: string, picture: string, options: { axe?: boolean } = {}): Promise<void> {
    await this.page.locator(`main[data-step="${step}"]`).waitFor();
    await this.picture(picture);
    if (options.axe !== false) expect(await this.violations(), `axe on ${picture}`).toEqual([]);
  }

  async picture(name: string): Promise<void> {
    await mkdir(join(OUT, 'screenshots'), { recursive: true });
    await this.page.screenshot({ path: join(OUT, 'screenshots', `${name}.png`), fullPage: true, animations: 'disabled' });
  }

  /** Rules of WCAG 2.2 A and AA that the screen breaks, in light and in dark. */
  async violations(): Promise<string[]> {
    const found = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      for (const fault of await this.#axe()) found.add(`${colorScheme}: ${fault}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
    return [...found];
  }

  async #axe(): Promise<string[]> {
    await this.page.evaluate(await axeSource());
    return this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(what: Document, how: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const { violations } = await axe.run(document, { runOnly: { type: 'tag', values: tags } });
      return violations.map(
        ({ id, nodes }) =>
          `${id} ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 300)}`,
      );
    });
  }

  problem(): Promise<string | null> {
    return this.page.locator('[role=alert] [data-problem]').getAttribute('data-problem');
  }
}

let axe: Promise<string> | undefined;
const axeSource = (): Promise<string> => (axe ??= readFile(join(packageRoot(), 'node_modules/axe-core/axe.min.js'), 'utf8'));
