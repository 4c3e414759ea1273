/** A line of lib/ with mutants that survive, as the report shows them. */
export interface Survivors {
  file: string
  code: string
  mutants: string[]
  /** Why nobody who uses the package can see what they change. */
  reason: string
}

export const survivors: Survivors[] = [
  {
    file: 'lib/cross-origin.ts',
    code: "if (isSameOrigin(request) || trusted.has(request.headers.origin ?? '')) return",
    mutants: ['if (isSameOrigin(request) || trusted.has(request.headers.origin ?? "Stryker was here!")) return'],
    reason: 'Neither is an origin, and the boot lets nothing else into the trusted ones.'
  },
  {
    file: 'lib/route-options.ts',
    code: 'serializerCompiler: () => JSON.stringify',
    mutants: ['serializerCompiler: () => undefined'],
    reason: "It keeps Fastify from asking the host's compiler; what it makes is not used, as the scope has a reply serializer."
  },
  {
    file: 'lib/schemas.ts',
    code: "enabled: Type.Boolean({ description: 'Whether SCIM requests are let in.', examples: [true] }),",
    mutants: ["enabled: Type.Boolean({ description: 'Whether SCIM requests are let in.', examples: [false] }),"],
    reason: 'An example as good as the other.'
  },
  {
    file: 'lib/schemas.ts',
    code: "hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [true] })",
    mutants: ["hasToken: Type.Boolean({ description: 'Whether a SCIM API token has been generated.', examples: [false] })"],
    reason: 'An example as good as the other.'
  },
  {
    file: 'lib/schemas.ts',
    code: "enabled: Type.Boolean({ description: 'Whether to let SCIM requests in.', examples: [true] })",
    mutants: ["enabled: Type.Boolean({ description: 'Whether to let SCIM requests in.', examples: [false] })"],
    reason: 'An example as good as the other.'
  },
  {
    file: 'lib/scim-settings.ts',
    code: "const parse = app.getDefaultJsonParser('error', 'error')",
    mutants: [
      'const parse = app.getDefaultJsonParser("", \'error\')',
      'const parse = app.getDefaultJsonParser(\'error\', "")'
    ],
    reason: 'The parser takes any word but "ignore" and "remove" for "error".'
  },
  {
    file: 'lib/scim-settings.ts',
    code: 'if (fault === undefined) return { value: body }',
    mutants: ['if (fault === undefined) return {}'],
    reason: 'Fastify keeps the body where a validator has no value for it.'
  },
  {
    file: 'lib/store-conformance.ts',
    code: 'return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(Date.now() - i) }))',
    mutants: ['return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(Date.now() + i) }))'],
    reason: 'The dates differ either way.'
  },
  {
    file: 'lib/token.ts',
    code: 'for (const byte of randomBytes(length + 8)) {',
    mutants: ['for (const byte of randomBytes(length - 8)) {'],
    reason: 'With fewer bytes at a time it asks for more until it has enough.'
  },
  {
    file: 'lib/verify-scim-token.ts',
    code: "const matches = matchesHash(token, record?.hash ?? '')",
    mutants: ['const matches = matchesHash(token, record?.hash ?? "Stryker was here!")'],
    reason: 'No token has either for its hash.'
  },
  {
    file: 'lib/verify-scim-token.ts',
    code: 'if (record === null || !matches) {',
    mutants: ['if (false || !matches) {'],
    reason: 'Without a record nothing matches; the condition is there for the compiler.'
  }
]
