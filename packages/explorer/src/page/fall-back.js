// On the page of Apollo Sandbox: what it loads comes from the internet. Where it does not come, the explorer takes its place.
if (!('EmbeddedSandbox' in globalThis)) globalThis.location.replace('/explorer');
