// Shows the document beside this page; a script of its own, since the policy allows none inline.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
});
