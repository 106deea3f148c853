/** Shapes of the consent page's API, as far as the page reads them. */
export interface Consent {
  readonly id: string;
  readonly state: string;
  readonly language: string;
  readonly jurisdiction: string;
  readonly valid_until: string;
  readonly zone: string;
  readonly controller: { readonly party_name: string; readonly party_address: string; readonly party_contact: string };
  readonly notice: { readonly id: string; readonly version: string; readonly text: string };
  readonly offered: {
    readonly purposes: readonly string[];
    readonly intended_uses: readonly string[];
    readonly allowed_emotions: readonly string[];
    readonly languages: readonly string[];
    readonly realtime: boolean;
    readonly export_model: boolean;
    readonly prohibited_uses: readonly string[];
  };
  /** Agreed once the consent is given, asked for before. */
  readonly purposes: readonly string[];
  readonly attempts_left: number;
  readonly evidence: null | {
    readonly state: 'checking' | 'failed';
    readonly problem: null | { readonly code: string; readonly detail: string; readonly reasons?: string[] };
  };
}

export interface ConsentSession {
  readonly consent: Consent;
  readonly subject: { readonly id: string; readonly name: string | null };
  readonly link: { readonly purpose: 'consent' | 'manage'; readonly expires_at: string };
  readonly server_time: string;
}

export interface ChallengeAnswer {
  readonly capture_id: string;
  readonly digits: string;
  readonly phrase: string;
  readonly expires_at: string;
  readonly server_time: string;
}

export interface Receipt {
  readonly receipt: string;
  readonly record: object;
  readonly status_url: string;
  /** Only for the person. */
  readonly manage_url: string | null;
  readonly verify_hint: unknown;
}
