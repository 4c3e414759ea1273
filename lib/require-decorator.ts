import type { FastifyInstance } from 'fastify'

/**
 * Returns a decorator that the host must have added.
 *
 * @param methods names of the methods that it must have
 * @throws Error that says what to decorate the app with
 */
export function requireDecorator<Name extends 'scimAuthResolver' | 'scimTokenStore', Method extends keyof FastifyInstance[Name] & string> (
  app: FastifyInstance,
  name: Name,
  methods: readonly Method[]
) {
  const example = `app.decorate('${name}', { ${methods.map((method) => `${method} () { ... }`).join(', ')} })`
  if (!app.hasDecorator(name)) {
    throw new Error(`fastify-scim-token: the decorator "${name}" is missing; call ${example} before you register the plugin.`)
  }
  const decorator = app[name]
  const missing = methods.filter((method) => typeof decorator?.[method] !== 'function')
  if (missing.length > 0) {
    throw new Error(`fastify-scim-token: "${name}" lacks the method ${missing.join(' and ')}; it must look like ${example}.`)
  }
  return decorator as FastifyInstance[Name] & Required<Pick<FastifyInstance[Name], Method>>
}
