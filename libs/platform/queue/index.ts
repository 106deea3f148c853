export { JobEventFeed, type JobStanding, type StageTiming, jobStandings, recordJobEvent, stageTimings } from './job-events.ts';
export { JobNews, type StageProgress, type StageShares } from './job-news.ts';
export * from './job-worker.ts';
export * from './jobs.entities.ts';
export * from './jobs.ts';
export * from './lease.ts';
export * from './wake-ups.ts';
