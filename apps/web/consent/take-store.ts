import type { Challenge } from './flow.ts';

/** What a reload must not lose: the code that was shown, what was ticked, where the bytes go. Never the link's token. */
export interface KeptTake {
  readonly consentId: string;
  readonly challenge: Challenge;
  readonly chosen: readonly string[];
  readonly way: 'camera' | 'file';
  readonly mediaType: string;
  readonly uploadUrl: string | null;
  /** The recording has begun. */
  readonly begun: boolean;
  /** The recording came to its end: every piece is there. */
  readonly whole: boolean;
}

const DATABASE = 'assent-takes';
const asPromise = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
  });

/**
 * Keeps the running take in IndexedDB, so that a reload or a crash of the browser costs nothing. Where the phone has no room or the
 * window is private, it says so once and goes on from memory (case CA-03): nothing here ever throws.
 */
export class TakeStore {
  #db: Promise<IDBDatabase> | undefined;
  #lost = false;

  constructor(private readonly onLost: () => void) {}

  /** The take of a consent and its pieces in order. Takes of other consents whose code is long over are removed. */
  async load(consentId: string, now: number): Promise<{ take: KeptTake; pieces: Blob[] } | undefined> {
    return this.#quietly(async (takes) => {
      const all = (await asPromise(takes('readonly', 'takes').getAll())) as KeptTake[];
      for (const { consentId: id, challenge } of all)
        if (id !== consentId && challenge.expiresAt < now - 86_400_000) await this.#remove(takes, id);
      const take = all.find((one) => one.consentId === consentId);
      if (!take) return undefined;
      const pieces = (await asPromise(takes('readonly', 'pieces').getAll(piecesOf(consentId)))) as ArrayBuffer[];
      return { take, pieces: pieces.map((piece) => new Blob([piece], { type: take.mediaType })) };
    });
  }

  async keep(take: KeptTake): Promise<void> {
    await this.#quietly((takes) => asPromise(takes('readwrite', 'takes').put(take)));
  }

  /** As bytes: some browsers cannot store a Blob in a private window. */
  async keepPiece(consentId: string, index: number, piece: Blob): Promise<void> {
    const bytes = await piece.arrayBuffer();
    await this.#quietly((takes) => asPromise(takes('readwrite', 'pieces').put(bytes, [consentId, index])));
  }

  async forgetPieces(consentId: string): Promise<void> {
    await this.#quietly((takes) => asPromise(takes('readwrite', 'pieces').delete(piecesOf(consentId))));
  }

  async forget(consentId: string): Promise<void> {
    await this.#quietly((takes) => this.#remove(takes, consentId));
  }

  async #remove(takes: OpenStore, consentId: string): Promise<void> {
    await asPromise(takes('readwrite', 'pieces').delete(piecesOf(consentId)));
    await asPromise(takes('readwrite', 'takes').delete(consentId));
  }

  /** Quota, a private window, a blocked upgrade: all mean the same, that a reload would lose the take. */
  async #quietly<T>(act: (takes: OpenStore) => Promise<T>): Promise<T | undefined> {
    if (this.#lost) return undefined;
    try {
      const db = await (this.#db ??= open());
      return await act((mode, name) => db.transaction(name, mode).objectStore(name));
    } catch {
      this.#lost = true;
      this.onLost();
      return undefined;
    }
  }
}

type OpenStore = (mode: IDBTransactionMode, name: 'takes' | 'pieces') => IDBObjectStore;
const piecesOf = (consentId: string): IDBKeyRange => IDBKeyRange.bound([consentId, 0], [consentId, Infinity]);

/** Some private windows never answer: after two seconds that is an answer. */
function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('takes', { keyPath: 'consentId' });
    request.result.createObjectStore('pieces');
  };
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('IndexedDB does not answer')), 2000));
  return Promise.race([asPromise(request), late]);
}
