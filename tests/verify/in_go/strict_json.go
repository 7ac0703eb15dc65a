package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"
)

const largestNumber = 1<<53 - 1

var (
	errAmbiguous = errors.New("readers could read several things in it")
	wholeNumber  = regexp.MustCompile(`^-?[0-9]{1,16}$`)
	// An escape that is half a character, behind which the other half should come, or before which it should have come.
	escape = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)`)
)

// readObject reads a JSON object of which there is one reading only. Its numbers are int64.
func readObject(raw []byte) (map[string]any, error) {
	if !utf8.Valid(raw) || hasHalfACharacter(raw) {
		return nil, errAmbiguous
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	value, err := readValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errAmbiguous
	}
	found, isObject := value.(map[string]any)
	if !isObject {
		return nil, errAmbiguous
	}
	return found, nil
}

// hasHalfACharacter looks for an escape that Go would silently replace.
func hasHalfACharacter(raw []byte) bool {
	for _, found := range escape.FindAll(raw, -1) {
		if len(found) == len(`\ud800`) {
			return true
		}
	}
	return false
}

func readValue(decoder *json.Decoder) (any, error) {
	read, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch found := read.(type) {
	case json.Delim:
		if found == '{' {
			return readMembers(decoder)
		}
		return readItems(decoder)
	case json.Number:
		if !wholeNumber.MatchString(found.String()) {
			return nil, errAmbiguous
		}
		number, err := strconv.ParseInt(found.String(), 10, 64)
		if err != nil || number > largestNumber || number < -largestNumber {
			return nil, errAmbiguous
		}
		return number, nil
	}
	return read, nil
}

func readMembers(decoder *json.Decoder) (any, error) {
	members := map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		if _, isTwice := members[name.(string)]; isTwice {
			return nil, errAmbiguous
		}
		if members[name.(string)], err = readValue(decoder); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return members, err
}

func readItems(decoder *json.Decoder) (any, error) {
	items := []any{}
	for decoder.More() {
		item, err := readValue(decoder)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := decoder.Token()
	return items, err
}
