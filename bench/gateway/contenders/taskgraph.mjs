// This project's gateway as it is deployed: tokens verified, clients counted, metrics and logs on.
import { HIGH_RATES } from '../high-rates.mjs';

Object.assign(process.env, HIGH_RATES);
await import('../../../gateway/dist/main.js');
