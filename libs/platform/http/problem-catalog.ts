/** What the docs page of a refusal says: `/problems/<slug>`. */
export interface ProblemPage {
  readonly status: number;
  /** Other statuses of the same refusal: what was there before is gone (410). */
  readonly also?: readonly number[];
  readonly title: string;
  /** When it comes, and what to do. For whoever reads it without our source. */
  readonly advice: string;
}

const problem = (status: number, title: string, advice: string, also?: readonly number[]): ProblemPage => ({
  status,
  title,
  advice,
  ...(also === undefined ? {} : { also }),
});

/**
 * Every slug that this deployment can answer with. A test compares it with the source: a refusal without a page, or a page without a
 * refusal, is a fault. Slugs are for programs and never change; titles and advice are for people.
 */
export const PROBLEM_CATALOG: Readonly<Record<string, ProblemPage>> = {
  // Who you are, what you may do
  'unauthenticated': problem(401, 'Who you are is not known', 'Send "Authorization: Bearer …" with an API key or a link that is valid now. A revoked or expired key and one that never was get the same answer.'),
  'permission-denied': problem(403, 'This caller may not do this', 'The role or the scopes of the key do not hold the permission in `permission`. Ask an admin of your tenant for another key. Each refusal is in the audit log.'),
  'link-expired': problem(410, 'This link has expired', 'Ask whoever sent the link for a new one.'),
  'link-used': problem(410, 'This link was used before', 'A consent link takes one answer. The receipt of that answer holds the link to see, pause or withdraw the consent.'),
  'not-found': problem(404, 'Not found', 'There is nothing with this id, or it is another tenant’s: the two look the same. Look at the id and at the key that you use.'),
  // The request itself
  'invalid-input': problem(422, 'The input does not fit its schema', '`errors` names each fault by a JSON Pointer: `/name` is a member of the body, `/query/limit` a parameter. Unknown members are faults too.'),
  'malformed-json': problem(400, 'The body is not JSON', 'Send one JSON document in UTF-8.'),
  'malformed-request': problem(400, 'The request cannot be read', 'The address holds a broken escape, or the body is not as long as its Content-Length says.'),
  'request-refused': problem(400, 'The request was refused', 'The server’s own limits refused the request before any handler saw it: too many or too large headers, a time-out. The status is the one of the answer.'),
  'body-too-large': problem(413, 'The body is larger than is taken here', '`limit` is in bytes: 1 MiB for JSON. Files go to /v1/uploads.'),
  'media-type-unsupported': problem(415, 'The body has a type that is not taken here', 'Send one of `media_types`; for a file, one of the supported kinds of video or picture.'),
  'method-not-allowed': problem(405, 'This address does not take this method', 'Use one of the methods of the Allow header.'),
  'range-not-satisfiable': problem(416, 'The file does not hold these bytes', 'Ask for a range below `bytes`.'),
  'idempotency-key-reused': problem(422, 'This Idempotency-Key was sent with another request', 'Send a new key with a new request; repeat the old request unchanged. Keys are kept for 24 hours.'),
  'idempotency-in-progress': problem(409, 'The first request with this Idempotency-Key is not done', 'Wait as long as Retry-After says and send the same request again: you get the answer of the first one.'),
  'rate-limited': problem(429, 'Too many requests', 'Wait as long as Retry-After says. Verification is limited by cost: large files count more.'),
  'overloaded': problem(503, 'Too much of this runs already', 'Wait as long as Retry-After says and try again; nothing was done.'),
  'state-conflict': problem(409, 'The state does not allow this step', 'Read the resource: its state is not the one that the step starts from. A person can be erased once every consent has ended.'),
  // Consent
  'consent-not-given': problem(403, 'The person has not given this consent', 'Send the consent link and wait until the consent is `given`.'),
  'consent-withdrawn': problem(403, 'The consent was withdrawn', 'It has ended for good. Only a new consent of the person helps. What was made under it is no longer given out (410).', [410]),
  'consent-paused': problem(403, 'The consent is paused', 'Only the person can resume it.'),
  'consent-expired': problem(403, 'The consent has expired', 'Ask the person for a new one. What was made under it is no longer given out (410).', [410]),
  'consent-scope': problem(403, 'The consent does not cover this', '`agreed` lists what the person agreed to. Ask the person for a consent with a wider scope.'),
  'consent-notice-changed': problem(409, 'The notice on screen is not the current one', 'Reload the page and show the notice again.'),
  'consent-attempts-spent': problem(409, 'No tries are left', 'Ask whoever sent the link for a new consent request.'),
  'capture-in-progress': problem(409, 'A recording is running elsewhere', 'Another tab or device records with this link. Finish there, or take over.'),
  'challenge-expired': problem(409, 'The code is no longer valid', 'Ask for a new code and record again.'),
  'challenge-code-wrong': problem(422, 'The code does not match', 'Type the digits that were shown while recording.'),
  'footage-not-subject': problem(403, 'The footage does not show the person who consented', 'Every face in the footage must be the person of the consent. Film this person alone.'),
  // Uploads and media
  'upload-not-ready': problem(409, 'The upload is not ready yet', 'Wait until GET /v1/uploads/:id says `ready`.'),
  'upload-expired': problem(410, 'The upload was not finished in time', 'Unfinished uploads are removed after 24 hours. Start a new one.'),
  'upload-hash-mismatch': problem(422, 'The bytes differ from what was announced', 'The file was changed on the way or the announced SHA-256 is of another file. Upload it again.'),
  'upload-interrupted': problem(400, 'The request ended early', 'Ask where the upload stands (HEAD) and go on from there.'),
  'upload-length-mismatch': problem(422, 'The length of the upload does not fit', 'More or fewer bytes came than were announced. Start a new upload.'),
  'upload-offset-conflict': problem(409, 'The upload stands at another byte', 'Ask where the upload stands (HEAD) and go on from there.'),
  'upload-too-large': problem(413, 'The upload is too large', '`limit` is in bytes. Send a shorter or smaller clip.'),
  'tus-version': problem(412, 'Another version of the upload protocol', 'Send Tus-Resumable: 1.0.0.'),
  'media-empty': problem(422, 'The file is empty', 'Upload the file again.'),
  'media-no-video': problem(422, 'The file has no moving picture', 'Send a video.'),
  'media-over-budget': problem(422, 'The clip is over a published limit', 'The members say which limit: size of the picture, frames, length, time or memory to decode.'),
  'media-too-long': problem(422, 'The clip is too long', 'Cut it to the length in the message.'),
  'media-too-short': problem(422, 'The clip is too short', 'Record for as long as the message says.'),
  'media-truncated': problem(422, 'The file is cut off', 'It ended before its last frame. Upload it again from the original.'),
  'media-unreadable': problem(422, 'The file cannot be read', 'No frame could be decoded. Export it again as MP4 or WebM.'),
  'media-tools-missing': problem(503, 'Video cannot be processed on this machine', 'For the operator: `assent doctor` says what is missing.'),
  'footage-quality': problem(422, 'The footage cannot be used as it is', '`reasons` says what to change: light, distance, one person only, a still camera.'),
  'footage-not-usable': problem(422, 'The footage cannot be fitted', 'The message says why. Film again: head and shoulders, even light, two minutes.'),
  'no-face': problem(422, 'No face can be followed in this clip', 'Film the face from the front, large enough and in even light.'),
  // Training, replicas, renders
  'replica-not-active': problem(409, 'The replica cannot be used now', 'It is restricted, sealed or erased, because a consent was paused or has ended.'),
  'replica-not-readable': problem(422, 'This is not a replica file that can be read', 'The file is damaged or of a newer version.'),
  'invalid-coefficient-track': problem(422, 'Not a coefficient track', 'Use the names and ranges of docs/coefficients.md.'),
  'render-not-published': problem(409, 'The render is not published', 'Wait until the render is `published`; a failed or refused one has an `error` that says why.'),
  'ingredient-not-verifiable': problem(422, 'An ingredient carries a manifest that does not verify', 'A file whose own marks are broken is not signed over. Use the original.'),
  'watermark-not-readable': problem(422, 'The marks of the render cannot be read back', 'Nothing is published whose mark cannot be found again. Make a longer or larger render.'),
  'self-check-failed': problem(500, 'The render does not verify', 'Our own render failed our own check and is kept back. Try again; report the render’s id if it stays.'),
  'unknown-cast-member': problem(422, 'The cast has nobody of this name', 'The message lists the synthetic people.'),
  'job-cancelled': problem(409, 'The job was cancelled', '`cancel_reason` says by whom: `consent` or `user`.'),
  'lease-lost': problem(409, 'Another worker holds this job', 'Inside the house only: a worker woke up late and changed nothing.'),
  'attempts-exhausted': problem(500, 'The job was given up', 'Each try ended without an answer. Start a new job; tell the operator if it stays.'),
  'worker-stopping': problem(503, 'The worker is being stopped', 'Another worker goes on from the last checkpoint.'),
  // What was erased, what is broken
  'erased': problem(410, 'This was erased', 'The person’s key was destroyed. Nothing brings the data back.'),
  'object-corrupt': problem(500, 'A stored object is damaged', 'For the operator: restore the object store from its backup.'),
  'seal-broken': problem(500, 'Stored data does not open', 'For the operator: database and key store do not belong together, or a row was changed.'),
  'log-unavailable': problem(503, 'The audit log cannot take records', 'No effect happens without its record, so nothing was done. Wait as long as Retry-After says.'),
  'log-rolled-back': problem(503, 'The audit log is not the one whose head was published', 'For the operator: a database was restored or changed. Nothing is written until somebody has looked.'),
  'log-damaged': problem(503, 'The audit log is damaged', 'For the operator: entries, tiles and signed root do not fit together.'),
  'key-store-unusable': problem(503, 'The key store cannot be used', 'For the operator: the message names the file and the command.'),
  'signer-not-ready': problem(503, 'The signer is not ready', 'For the operator: without keys and trust anchors nothing is signed or published.'),
  'storage-unavailable': problem(503, 'The object store does not answer', 'Try again in a minute; nothing was lost.'),
  'database-unavailable': problem(503, 'The embedded database did not start', 'For the operator: the message holds the database’s last words.'),
  'head-asset-unusable': problem(503, 'The head asset cannot be used', 'For the operator: the shipped file was changed. Install again.'),
  'model-hash-mismatch': problem(503, 'A model file was changed', 'For the operator: the shipped file was changed. Install again.'),
  'model-unusable': problem(503, 'A model cannot be used', 'For the operator: `assent doctor` says which and why.'),
  'config-invalid': problem(500, 'The configuration is not usable', 'For the operator: the message lists every fault of the environment.'),
  'development-key-refused': problem(403, 'No development key in production', 'Make a key with `assent` or the API instead; `npm start` gives one in development only.'),
  'home-in-use': problem(409, 'Another process uses this folder', 'For the operator: stop the other process or set another ASSENT_HOME.'),
  'pages-not-built': problem(503, 'The pages are not there', 'For the operator: run `npm run build`.'),
  'port-unavailable': problem(409, 'The API cannot listen on its address', 'For the operator: set HOST and PORT to a free address.'),
  'process-not-started': problem(503, 'A part of the platform did not start', 'For the operator: the lines before it say which and why.'),
  usage: problem(400, 'The command line is not usable', '`assent help` lists commands and options.'),
  'internal-error': problem(500, 'Something broke on our side', 'The fault is logged under the request id in `instance`. Try again; if it stays, report that id.'),
}; // prettier-ignore
