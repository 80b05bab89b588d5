/*
 * Documents within limits, for who serves them by another engine.
 */
export type { DocumentLimits, LimitReason } from './compile/document/limits.js';
export { readDocument } from './compile/document/read-document.js';
export { Refusal } from './request/refusal.js';
