import { randomUUID } from 'node:crypto'

/** Returns the body of an error as Unleash's admin UI and its clients read it. */
export function unleashError (name: 'BadDataError' | 'ForbiddenError' | 'ServiceUnavailable', message: string) {
  return { id: randomUUID(), name, message, details: [{ message }] }
}
