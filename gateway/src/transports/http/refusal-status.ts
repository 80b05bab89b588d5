import { ERROR_CODES, isErrorCode } from '@taskgraph/contracts';
import type { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';

/** The HTTP status of a refusal: its own, or that of its code. */
export function statusOf({ status, code }: Refusal): number {
  return status ?? (isErrorCode(code) ? ERROR_CODES[code].httpStatus : 400);
}
