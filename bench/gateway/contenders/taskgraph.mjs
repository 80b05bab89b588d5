// This project's gateway as it is deployed: tokens verified, metrics and logs on.
await import('../../../gateway/dist/main.js');
