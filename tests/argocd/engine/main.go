// Runs health checks and resource actions in the engine of Argo CD, set up as Argo CD sets it up for scripts of a ConfigMap:
// no libraries but the basic ones, `table`, `package` and two functions of `os`, and one second of time.
//
// It reads questions from standard input, one JSON document after another, and writes an answer to each to standard output.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

const limit = time.Second

type question struct {
	Script string         `json:"script"`
	Object map[string]any `json:"object"`
}

type answer struct {
	Returned any    `json:"returned,omitempty"`
	Error    string `json:"error,omitempty"`
}

func main() {
	questions := json.NewDecoder(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(os.Stdout)
	for {
		var asked question
		if err := questions.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var said answer
		if returned, err := run(asked); err != nil {
			said.Error = err.Error()
		} else {
			said.Returned = reshaped(returned, asked.Object)
		}
		if err := answers.Encode(said); err != nil {
			os.Exit(1)
		}
	}
}

// What the script returns, by way of JSON, as Argo CD takes it.
func run(asked question) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := openLibraries(state); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("actionParams", state.NewTable())
	state.SetGlobal("obj", luajson.DecodeValue(state, asked.Object))
	if err := state.DoString(asked.Script); err != nil {
		var raised *lua.ApiError
		if errors.As(err, &raised) {
			raised.StackTrace = ""
		}
		return nil, err
	}
	value := state.Get(-1)
	if value.Type() != lua.LTTable {
		return nil, fmt.Errorf("expect table output from Lua script, not %s", value.Type())
	}
	text, err := luajson.Encode(value)
	if err != nil {
		return nil, err
	}
	var returned any
	err = json.Unmarshal(text, &returned)
	return returned, err
}

func openLibraries(state *lua.LState) error {
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return err
		}
	}
	// There is no global `os`: `require("os")` gives it, and `table` has its two functions as well.
	clock := map[string]lua.LGFunction{"time": now, "date": date}
	state.RegisterModule(lua.TabLibName, clock)
	state.PreloadModule(lua.OsLibName, func(state *lua.LState) int {
		state.Push(state.SetFuncs(state.NewTable(), clock))
		return 1
	})
	return nil
}

func now(state *lua.LState) int {
	state.Push(lua.LNumber(time.Now().Unix()))
	return 1
}

// The letters that scripts of ours use; another one is a mistake here, not in Argo CD.
var layouts = strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05")

func date(state *lua.LState) int {
	layout := state.CheckString(1)
	at := time.Now()
	if strings.HasPrefix(layout, "!") {
		layout, at = layout[1:], at.UTC()
	}
	layout = layouts.Replace(layout)
	if strings.Contains(layout, "%") {
		state.RaiseError("the engine of the tests does not know all of %q", layout)
	}
	state.Push(lua.LString(at.Format(layout)))
	return 1
}

// Lua has one empty table for {} and []. What was an object before is one again, as far as Argo CD looks: not as an item of a list.
func reshaped(now, before any) any {
	switch now := now.(type) {
	case map[string]any:
		if was, ok := before.(map[string]any); ok {
			for key, item := range now {
				if old, ok := was[key]; ok {
					now[key] = reshaped(item, old)
				}
			}
		}
	case []any:
		switch was := before.(type) {
		case map[string]any:
			if len(now) == 0 {
				return map[string]any{}
			}
		case []any:
			for at := 0; at < len(now) && at < len(was); at++ {
				if list, ok := now[at].([]any); !ok || len(list) > 0 {
					now[at] = reshaped(now[at], was[at])
				}
			}
		}
	}
	return now
}
