// Modules are named as they are imported.
const imports = {
  index: 'fastify-scim-token',
  'stores/memory': 'fastify-scim-token/stores/memory',
  'stores/postgres': 'fastify-scim-token/stores/postgres',
  'stores/fenced-write': 'fastify-scim-token/fenced-write',
  'stores/conformance': 'fastify-scim-token/store-conformance'
}

/** @type {Partial<import('typedoc').TypeDocOptions> & import('typedoc-plugin-markdown').PluginOptions} */
export default {
  name: 'fastify-scim-token',
  entryPoints: [
    'lib/index.ts',
    'lib/stores/memory.ts',
    'lib/stores/postgres.ts',
    'lib/stores/fenced-write.ts',
    'lib/stores/conformance.ts'
  ],
  tsconfig: 'tsconfig.build.json',
  plugin: ['typedoc-plugin-markdown'],
  out: 'docs/api',
  readme: 'none',
  router: 'module',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  disableSources: true,
  validation: { notDocumented: true, notExported: true, invalidLink: true },
  treatWarningsAsErrors: true,
  intentionallyNotDocumented: [
    'index.ScimUser.__type.user',
    'stores/postgres.Queryable.query.__type.rows',
    'stores/postgres.NamedQueryable.query.__type.rows'
  ],
  useCodeBlocks: true,
  expandObjects: true,
  groupOrder: ['Plugin', 'Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Constructors', 'Properties', 'Accessors', 'Methods'],
  parametersFormat: 'table',
  sort: ['source-order'],
  entryFileName: 'README',
  pageTitleTemplates: { module: ({ name }) => imports[name] }
}
