package tokenizer_test

import (
	"fmt"
	"log"

	"kakeyalattice/tokenizer"
)

func ExampleOpen() {
	t, err := tokenizer.Open("testdata/qwen2.json") // or the folder of a model
	if err != nil {
		log.Fatal(err)
	}
	ids := t.Encode("said the Queen")
	for _, id := range ids {
		token, _ := t.Token(id)
		fmt.Println(id, token)
	}
	fmt.Println(t.Decode(ids))
	// Output:
	// 82 s
	// 64 a
	// 291 id
	// 264 Ġthe
	// 220 Ġ
	// 48 Q
	// 84 u
	// 68 e
	// 288 en
	// said the Queen
}

func ExampleTokenizer_EncodeWith() {
	t, err := tokenizer.Open("testdata/llama3.json")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Encode("Alice"))
	fmt.Println(t.EncodeWith("Alice", tokenizer.EncodeOptions{AddSpecial: true}))
	// Output:
	// [32 340]
	// [456 32 340]
}

// A model's ids arrive one by one, and a character may take several.
func ExampleTokenizer_NewDecoder() {
	t, err := tokenizer.Open("testdata/qwen2.json")
	if err != nil {
		log.Fatal(err)
	}
	d := t.NewDecoder()
	for _, id := range t.Encode("ok 😶 ok") {
		fmt.Printf("%q ", d.Append(nil, id))
	}
	fmt.Printf("%q\n", d.Finish(nil))
	// Output:
	// "o" "k" " " "" "" "😶" " o" "k" ""
}

func ExampleTokenizer_WithConfig() {
	t, err := tokenizer.Open("testdata/deepseek.json")
	if err != nil {
		log.Fatal(err)
	}
	t, err = t.WithConfig("tokenizer_config.json", []byte(`{"bos_token": "<｜begin▁of▁sentence｜>", "add_bos_token": true}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.EncodeWith("a", tokenizer.EncodeOptions{AddSpecial: true}))
	// Output:
	// [0 66]
}
