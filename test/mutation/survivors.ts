/** A line of lib/ with surviving mutants, as the report prints them. */
export interface Survivors {
  file: string
  code: string
  mutants: string[]
  /** Why no user of the package can observe the change. */
  reason: string
}

export const survivors: Survivors[] = [
  {
    file: 'lib/token.ts',
    code: "return [...candidates].some(([, candidate = '']) => isToken(candidate))",
    mutants: ['return [...candidates].some(([, candidate = "Stryker was here!"]) => isToken(candidate))'],
    reason: 'Each match has its group; the default is for the compiler.'
  },
  {
    file: 'lib/options.ts',
    code: 'const originFormat = /^https?:\\/\\/(\\[[\\da-f:]+\\]|[\\w-]+(\\.[\\w-]+)*\\.?)(:\\d+)?$/',
    mutants: ['const originFormat = /https?:\\/\\/(\\[[\\da-f:]+\\]|[\\w-]+(\\.[\\w-]+)*\\.?)(:\\d+)?$/'],
    reason: 'A text with something before the scheme is not the origin of its URL, which is checked too.'
  },
  {
    file: 'lib/stores/postgres-migration.ts',
    code: '$' + "{steps.join('\\n')}",
    mutants: ['$' + '{steps.join("")}'],
    reason: 'Each step ends with a semicolon; the line breaks are for those who read the SQL.'
  },
  {
    file: 'lib/check-options.ts',
    code: 'const letters = name.toLowerCase()',
    mutants: ['const letters = name.toUpperCase()'],
    reason: 'Either case makes the names comparable.'
  },
  ...['true', 'false'].map((enabled) => ({
    file: 'lib/stores/conformance.ts',
    code: `onStore('setEnabled(${enabled}) creates the SCIM settings if there are none', { settingsRoutes: false }, async ({ store, context }) => {`,
    mutants: [`onStore('setEnabled(${enabled}) creates the SCIM settings if there are none', {}, async ({ store, context }) => {`],
    reason: 'A harness takes undefined for false.'
  })),
  {
    file: 'lib/stores/conformance.ts',
    code: 'assert.equal(await store.find(context), null)',
    mutants: [';'],
    reason: 'After a write that was given up, getSettings() shows the same; that find() follows the switch is a case of its own.'
  },
  {
    file: 'lib/stores/conformance.ts',
    code: "...heldWrites(harness, 'setEnabled() that was given up before its {} statement does not undo a later one that created the SCIM settings', { settingsRoutes: false }, async ({ store, context }, giveUp) => {",
    mutants: ["...heldWrites(harness, 'setEnabled() that was given up before its {} statement does not undo a later one that created the SCIM settings', {}, async ({ store, context }, giveUp) => {"],
    reason: 'A harness takes undefined for false.'
  },
  {
    file: 'lib/admin/cross-origin.ts',
    code: "if (isSameOrigin(request) || trusted.has(request.headers.origin ?? '')) return",
    mutants: ['if (isSameOrigin(request) || trusted.has(request.headers.origin ?? "Stryker was here!")) return'],
    reason: 'Neither text is an origin, and only origins can be trusted: the option is validated at boot.'
  },
  {
    file: 'lib/admin/route-options.ts',
    code: 'serializerCompiler: () => JSON.stringify',
    mutants: ['serializerCompiler: () => undefined'],
    reason: "It only prevents Fastify from calling the host's compiler: the scope has a reply serializer, so the result is not used."
  },
  {
    file: 'lib/admin/schemas.ts',
    code: "enabled: Type.Boolean({ description: 'Whether SCIM is enabled. If not, all SCIM requests are rejected.', examples: [true] }),",
    mutants: ["enabled: Type.Boolean({ description: 'Whether SCIM is enabled. If not, all SCIM requests are rejected.', examples: [false] }),"],
    reason: 'Either value is a valid example.'
  },
  {
    file: 'lib/admin/schemas.ts',
    code: "hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [true] })",
    mutants: ["hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [false] })"],
    reason: 'Either value is a valid example.'
  },
  {
    file: 'lib/admin/schemas.ts',
    code: "enabled: Type.Boolean({ description: 'Whether to enable SCIM.', examples: [true] })",
    mutants: ["enabled: Type.Boolean({ description: 'Whether to enable SCIM.', examples: [false] })"],
    reason: 'Either value is a valid example.'
  },
  {
    file: 'lib/admin/scim-settings.ts',
    code: "const parse = app.getDefaultJsonParser('error', 'error')",
    mutants: [
      'const parse = app.getDefaultJsonParser("", \'error\')',
      'const parse = app.getDefaultJsonParser(\'error\', "")'
    ],
    reason: 'The parser treats any text except "ignore" and "remove" as "error".'
  },
  {
    file: 'lib/admin/scim-settings.ts',
    code: 'if (fault === undefined) return { value: body }',
    mutants: ['if (fault === undefined) return {}'],
    reason: 'Fastify keeps the body if a validator returns no value.'
  },
  {
    file: 'lib/stores/conformance.ts',
    code: 'return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(now - i) }))',
    mutants: ['return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(now + i) }))'],
    reason: 'The dates differ either way.'
  },
  {
    file: 'lib/scim/verify-scim-token.ts',
    code: "const matches = matchesHash(token, record?.hash ?? '')",
    mutants: ['const matches = matchesHash(token, record?.hash ?? "Stryker was here!")'],
    reason: 'Neither is the hash of a token.'
  },
  {
    file: 'lib/scim/verify-scim-token.ts',
    code: 'if (record === null || !matches) {',
    mutants: ['if (false || !matches) {'],
    reason: 'Without a record no token matches; the condition narrows the type for the compiler.'
  }
]
