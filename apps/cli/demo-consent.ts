/** What the demonstration asks of its subject. A real person's consent covers an evaluation for 24 hours and nothing else. */
export function consentRequest(subjectId: string, real: boolean): object {
  const validUntil = new Date(Date.now() + (real ? 24 * 3600 * 1000 : 365 * 24 * 3600 * 1000));
  return {
    subjectId,
    scope: {
      purposes: real ? ['evaluation'] : ['training', 'async_video'],
      intended_uses: ['a demonstration of Assent on this machine'],
      allowed_emotions: ['neutral', 'happiness'],
      max_intensity: 0.5,
      languages: ['en'],
      realtime: false,
      max_renders: null,
      audience_min_age: 0,
      prohibited_uses: ['anything outside this machine'],
      script_preapproval: false,
      export_model: !real,
    },
    language: 'en',
    notice: {
      id: 'demo-notice',
      version: '1',
      text: 'A clip is made into a drivable replica of the head in it, on this machine, to show how Assent works. It can be withdrawn at any time; every output is labelled, marked and logged.',
    },
    controller: {
      party_id: 'demo',
      party_name: 'The operator of this machine',
      party_address: 'this machine',
      party_contact: 'the person who typed the command',
    },
    jurisdiction: 'EU',
    validUntil,
    zone: 'UTC',
  };
}
