import type { DataExport } from '../../generated/prisma/client.js';

/** The row behind a `DataExport`. */
export type DataExportRow = DataExport;
