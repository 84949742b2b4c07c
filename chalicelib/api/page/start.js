// Shows the API's description with Swagger UI; a file of its own, because the page allows no inline script.
const page = document.getElementById("page");

window.ui = SwaggerUIBundle({
  domNode: page,
  url: page.dataset.description,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  // Swagger UI would ask an outside host whether the description is valid.
  validatorUrl: null,
});
