import type { FastifySchema } from 'fastify'
import { scimJson } from './body.ts'

/** The security scheme of the SCIM routes in the OpenAPI document of the host. */
export const scimSecurityScheme = 'scimToken'

/** Returns the schema of a SCIM route. The attributes of resources are not in it: SCIM describes them at `/Schemas`. */
export function describe (summary: string): FastifySchema {
  return { summary, tags: ['SCIM'], security: [{ [scimSecurityScheme]: [] }], produces: [scimJson] }
}

export function describeWithBody (summary: string): FastifySchema {
  return { ...describe(summary), consumes: [scimJson], body: { type: 'object', additionalProperties: true } }
}

const attributeLists = { attributes: { type: 'string' }, excludedAttributes: { type: 'string' } }

/** The query string of a request whose response has a resource. A parameter that is sent twice gets 400. */
export const resourceQuery = { type: 'object', properties: attributeLists }

export const listQuery = {
  type: 'object',
  properties: {
    filter: { type: 'string', examples: ['userName eq "ada@example.com"'] },
    sortBy: { type: 'string' },
    sortOrder: { type: 'string' },
    startIndex: { type: 'integer' },
    count: { type: 'integer' },
    ...attributeLists
  }
}
