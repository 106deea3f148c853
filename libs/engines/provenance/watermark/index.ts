export { AUDIO } from './audio-layout.ts';
export * from './detect-audio.ts';
export { type DetectOptions, type MarkKey, type VideoMarkReport, detectVideoMark } from './detect-video.ts';
export { markAudio } from './mark-audio.ts';
export { newMarkId } from './mark-code.ts';
export {
  type Binding,
  type ThumbnailTrack,
  THUMBNAILS_PER_SECOND,
  compareThumbnails,
  thumbnailTrack,
} from './thumbnail-track.ts';
export type { Geometry } from './video-detector.ts';
export { VideoMarker } from './video-marker.ts';
