// Shows the OpenAPI document of the server that this page comes from. All that would ask anybody else is off: fonts, the proxy for
// requests that are tried, and Scalar's own services.
globalThis.Scalar.createApiReference('#reference', {
  url: '/api/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
  documentDownloadType: 'none',
  defaultOpenAllTags: true,
});
