import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { JobNews, etaSeconds, overallProgress } from './job-news.ts';
import { type Lease, LeaseLostError } from './lease.ts';

const SHARES = { first: 0.2, second: 0.7, third: 0.1 };

describe('how much of a job is done', () => {
  it('never goes back from step to step, and is never whole before the effect', () => {
    const step = fc.record({ stage: fc.constantFrom('first' as const, 'second' as const, 'third' as const), done: fc.nat(100) });
    const order = Object.keys(SHARES);
    fc.assert(
      fc.property(step, step, (a, b) => {
        const [x, y] = [a, b].map((one) => overallProgress(SHARES, { ...one, total: 100 }));
        if (order.indexOf(a.stage) < order.indexOf(b.stage) || (a.stage === b.stage && a.done <= b.done))
          expect(x).toBeLessThanOrEqual(y!);
        expect(x).toBeLessThan(1);
      }),
    );
    expect(overallProgress(SHARES, { stage: 'second', done: 0, total: 0 })).toBe(0.2);
  });

  it('estimates what is left from what it took so far, and nothing from nothing', () => {
    expect(etaSeconds(0.01, 5)).toBeNull();
    expect(etaSeconds(0.25, 30)).toBe(90);
  });
});

describe('news of a job', () => {
  const leaseThat = (progress: () => Promise<void>) => ({ stage: vi.fn(() => Promise.resolve()), progress: vi.fn(progress) });
  const newsOf = (lease: object) => new JobNews(lease as Lease, SHARES, () => undefined);
  const oneSecondLater = (work: () => void): void => {
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 1500);
    work();
    clock.mockRestore();
  };

  it('are written once a second at most, the beginning of a stage always', async () => {
    const lease = leaseThat(() => Promise.resolve());
    const news = newsOf(lease);
    await news.begin('first');
    for (let i = 0; i < 100; i++) news.tell({ stage: 'first', done: i, total: 100 });
    oneSecondLater(() => news.tell({ stage: 'first', done: 50, total: 100 }));
    await news.begin('second');
    expect(lease.progress).toHaveBeenCalledTimes(1);
    expect(lease.progress).toHaveBeenCalledWith(expect.objectContaining({ stage: 'first', done: 50, progress: 0.1 }));
    expect(lease.stage).toHaveBeenLastCalledWith('second', expect.objectContaining({ progress: 0.2 }));
  });

  it('that the database could not take stop the job at its next stage, not the process', async () => {
    const news = newsOf(leaseThat(() => Promise.reject(new Error('connection lost'))));
    await news.begin('first');
    oneSecondLater(() => news.tell({ stage: 'first', done: 1, total: 2 }));
    await new Promise((next) => setImmediate(next));
    await expect(news.begin('second')).rejects.toThrow('connection lost');
  });

  it('of a lost lease are no fault of the news: the signal has said it', async () => {
    const news = newsOf(leaseThat(() => Promise.reject(new LeaseLostError('lost'))));
    await news.begin('first');
    oneSecondLater(() => news.tell({ stage: 'first', done: 1, total: 2 }));
    await new Promise((next) => setImmediate(next));
    await expect(news.begin('second')).resolves.toBeUndefined();
  });
});
