// Preloaded into spawned services: when the test runner dies, even by kill -9, they do not stay behind.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();
