// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// The schemas of the entities on the wire, each from the way in which it is read, so that none can say what is not so.
///
/// An entity reads itself from a decoder that has every field and takes note of which are asked for, as what, and whether they must be
/// there. Its notes add the words.
final class SchemaBook {
    /// A field of an entity.
    struct Field {
        var schema: DocumentValue
        var isRequired: Bool
    }

    /// The fields of each entity, by its name in the document.
    private(set) var entities: [String: (fields: [String: Field], notes: [String: FieldNote])] = [:]

    /// The schema of a type; that of an entity is a reference to its own.
    func schema(of type: any Decodable.Type) throws -> DocumentValue {
        switch type {
        case is String.Type: return ["type": "string"]
        case is Bool.Type: return ["type": "boolean"]
        case is Int64.Type: return ["type": "integer", "format": "int64"]
        case is any BinaryInteger.Type: return ["type": "integer"]
        case let list as any ListType.Type: return ["type": "array", "items": try schema(of: list.element)]
        case let map as any MapType.Type:
            return ["type": "object", "additionalProperties": try schema(of: map.element)]
        case let entity as any Described.Type:
            let name = Self.name(of: entity)
            if entities[name] == nil { _ = try read(entity) }
            return .reference("schemas", name)
        default: throw Unknown(type: "\(type)")
        }
    }

    /// All entities that were asked for.
    var schemas: [String: DocumentValue] {
        entities.mapValues { entity in
            let required = entity.fields.filter(\.value.isRequired).keys.sorted()
            let properties = Dictionary(
                uniqueKeysWithValues: entity.fields.map { name, field in
                    (name, Self.noted(field.schema, entity.notes[name]))
                })
            let schema: DocumentValue = ["type": "object", "properties": .object(properties)]
            return required.isEmpty ? schema : schema.with("required", .texts(required))
        }
    }

    private static func noted(_ schema: DocumentValue, _ note: FieldNote?) -> DocumentValue {
        guard let note else { return schema }
        var schema = schema.with("description", .text(note.words))
        if !note.choices.isEmpty { schema = schema.with("enum", .texts(note.choices)) }
        return note.isReadOnly ? schema.with("readOnly", .flag(true)) : schema
    }

    /// `API.Adoption.Outcome` is `AdoptionOutcome`.
    private static func name(of type: any Decodable.Type) -> String {
        String(reflecting: type).split(separator: ".").drop { $0 != "API" }.dropFirst().joined()
    }

    /// A type that no schema is known for.
    struct Unknown: Error { let type: String }

    // MARK: Reading

    /// Reads a value of `type` from nothing; an entity is noted down by that.
    fileprivate func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let value = (type as? any PlainType.Type)?.plain as? Value { return value }
        let reader = Reader(book: self)
        let value = try Value(from: reader)
        if let entity = type as? any Described.Type {
            entities[Self.name(of: entity)] = (reader.log.fields, entity.notes)
        }
        return value
    }

    fileprivate final class Log {
        var fields: [String: Field] = [:]
    }

    private struct Reader: Decoder {
        let book: SchemaBook
        let log = Log()
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
            KeyedDecodingContainer(Fields<Key>(book: book, log: log))
        }
        func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Unknown(type: "a list") }
        func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Unknown(type: "a value") }
    }

    private struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let book: SchemaBook
        let log: Log
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }

        private func note<Value: Decodable>(_ type: Value.Type, _ key: Key, isRequired: Bool) throws -> Value {
            let schema = try book.schema(of: type)
            log.fields[key.stringValue] = Field(
                schema: schema, isRequired: isRequired && log.fields[key.stringValue]?.isRequired != false)
            return try book.read(type)
        }

        func contains(_ key: Key) -> Bool { true }
        func decodeNil(forKey key: Key) throws -> Bool {
            // Whoever asks bears its lack.
            log.fields[key.stringValue] = Field(schema: [:], isRequired: false)
            return false
        }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            try note(type, key, isRequired: true)
        }
        func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
            try note(type, key, isRequired: false)
        }
        func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
            try note(type, key, isRequired: false)
        }
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
            try note(type, key, isRequired: false)
        }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
            try note(type, key, isRequired: false)
        }
        func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
            try note(type, key, isRequired: false)
        }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
            try note(type, key, isRequired: false)
        }
        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { throw Unknown(type: "an object in \(key.stringValue)") }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw Unknown(type: "a list in \(key.stringValue)")
        }
        func superDecoder() throws -> any Decoder { throw Unknown(type: "what it is made from") }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw Unknown(type: "what it is made from") }
    }
}

// MARK: Types of fields

/// A type of which some value is known.
private protocol PlainType { static var plain: Self { get } }
private protocol ListType { static var element: any Decodable.Type { get } }
private protocol MapType { static var element: any Decodable.Type { get } }

extension String: PlainType { fileprivate static var plain: String { "" } }
extension Bool: PlainType { fileprivate static var plain: Bool { false } }
extension Int: PlainType { fileprivate static var plain: Int { 0 } }
extension Int32: PlainType { fileprivate static var plain: Int32 { 0 } }
extension Int64: PlainType { fileprivate static var plain: Int64 { 0 } }
extension Array: PlainType { fileprivate static var plain: [Element] { [] } }
extension Array: ListType where Element: Decodable {
    fileprivate static var element: any Decodable.Type { Element.self }
}
extension Dictionary: PlainType { fileprivate static var plain: [Key: Value] { [:] } }
extension Dictionary: MapType where Key == String, Value: Decodable {
    fileprivate static var element: any Decodable.Type { Value.self }
}
