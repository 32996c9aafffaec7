"use strict";

// Swagger UI's own resolver reads the whole description anew for each operation that
// is opened. Everything it can refer to is in the description itself.
function resolved(part, description, within) {
  if (Array.isArray(part)) {
    return part.map((each) => resolved(each, description, within));
  }
  if (part === null || typeof part !== "object" || within.includes(part.$ref)) {
    return part;
  }
  const { $ref, ...beside } = part;
  const own = Object.fromEntries(
    Object.entries(beside).map(([name, each]) => [name, resolved(each, description, within)]),
  );
  if ($ref === undefined) {
    return own;
  }
  const found = at(description, $ref.replace("#/", "").split("/"));
  // OpenAPI 3.1 lets what stands beside a reference add to it.
  return { ...resolved(found, description, [...within, $ref]), ...own };
}

function at(description, path) {
  return path.reduce((found, name) => found?.[name], description);
}

async function resolveSubtree(description, path) {
  return { spec: resolved(at(description, path), description, []) ?? null, errors: [] };
}

// What Swagger UI gives no name is named for who does not see where it stands.
const NAMES = {
  "[data-param-name] :is(select, input, textarea)": (field) =>
    field.closest("[data-param-name]").dataset.paramName,
  ".body-param textarea": () => "Request body",
  ".close-modal": () => "Close",
};

function name(page) {
  for (const [selector, nameOf] of Object.entries(NAMES)) {
    for (const field of page.querySelectorAll(`:is(${selector}):not([aria-label])`)) {
      field.setAttribute("aria-label", nameOf(field));
    }
  }
  // Its text, "Authorize", says it better.
  for (const button of page.querySelectorAll(".modal-btn.authorize[aria-label]")) {
    button.removeAttribute("aria-label");
  }
  for (const code of page.querySelectorAll("pre:not([tabindex])")) {
    code.tabIndex = 0;
  }
}

const page = document.getElementById("interface");
new MutationObserver(() => name(page)).observe(page, { childList: true, subtree: true });

// The access token stays in the page's memory: nothing is stored.
SwaggerUIBundle({
  url: "/openapi.json",
  domNode: page,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  syntaxHighlight: { theme: "tomorrow-night" },
  validatorUrl: null,
  plugins: [
    () => ({
      fn: { resolveSubtree },
      components: {
        // A link does not belong into the button that opens the operation.
        DeepLink: ({ text }) => text,
        // There is one: the server of this page.
        ServersContainer: () => null,
      },
    }),
  ],
});
