import { WireProblem } from '../wire.ts';
import type { Report } from './verdict.ts';

/** The server's limit; said before a long upload instead of after it. */
export const MOST_BYTES = 200 * 1024 * 1024;

/**
 * Sends one file and reads the report. XMLHttpRequest, because `fetch` does not tell how much has gone. The name of the file stays
 * here: the server has no use for it.
 */
export function sendFile(file: Blob, onSent: (share: number) => void, signal: AbortSignal): Promise<Report> {
  if (file.size > MOST_BYTES) return Promise.reject(new WireProblem('upload-too-large', 413, ''));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/v1/verify');
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('accept', 'application/json');
    request.upload.onprogress = ({ loaded, total }) => onSent(total > 0 ? loaded / total : 0);
    request.upload.onload = () => onSent(1);
    request.onload = () => {
      const body = readJson(request.responseText);
      if (request.status >= 200 && request.status < 300 && body) return resolve(body as Report);
      const { code = `http-${request.status}`, detail = '' } = (body ?? {}) as { code?: string; detail?: string };
      reject(new WireProblem(code, request.status, detail, Number(request.getResponseHeader('retry-after'))));
    };
    request.onerror = () => reject(new WireProblem('network', 0, ''));
    request.onabort = () => reject(new DOMException('stopped by the person', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** Undefined for anything that is no JSON object: a proxy may answer in HTML. */
function readJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
