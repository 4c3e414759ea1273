import { globSync } from 'tap'

export default () => undefined
