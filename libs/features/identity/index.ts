export * from './face-survey.ts';
export * from './identity.entities.ts';
export * from './identity.errors.ts';
export * from './identity.module.ts';
export * from './person-name.ts';
export * from './subject-match.ts';
export * from './subjects.service.ts';
