export { grantAdmin, revokeAdmin } from './administrators.js';
export { keys, type KeysCommand } from './keys.js';
export { isPasswordOf } from './modules/passwords/password-hasher.js';
export { resetSecondFactor } from './reset-second-factor.js';
export { verifyAuditLog, type ExpectedRow } from './verify-audit.js';
