import swagger from '@fastify/swagger'
import type { Test } from 'tap'
import type { ScimTokenOptions } from '../../lib/index.ts'
import { startHost } from './host.ts'

/** The document of a host that describes its API with @fastify/swagger. */
export async function documentOf (t: Test, options: ScimTokenOptions = {}) {
  const { app } = await startHost(t, {
    options,
    prepare: (app) => app.register(swagger, {
      openapi: {
        openapi: '3.0.3',
        info: { title: 'A host', version: '1.0.0' },
        components: {
          securitySchemes: {
            apiKey: { type: 'apiKey', in: 'header', name: 'Authorization' },
            bearerToken: { type: 'http', scheme: 'bearer' }
          }
        },
        security: [{ apiKey: [] }, { bearerToken: [] }]
      },
      refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
    })
  })
  return JSON.parse(JSON.stringify(app.swagger()))
}

/** Leaves out what is prose: it is the package's own. */
export function withoutProse (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProse)
  if (typeof value !== 'object' || value === null) return value
  const prose = ['title', 'summary', 'description', 'example']
  return Object.fromEntries(Object.entries(value).filter(([key]) => !prose.includes(key)).map(([key, part]) => [key, withoutProse(part)]))
}

/** Whether a part of the document has no description but that which @fastify/swagger gives to answers. */
export function lacksDescription ({ description }: { description?: string }): boolean {
  return !description || description === 'Default Response'
}

/** An error of Unleash's API, as its document has it. */
export const error = {
  content: {
    'application/json': {
      schema: { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' }, message: { type: 'string' } } }
    }
  }
}
